import type { Management } from "../api/guard.js";
import { RefusalRecorder } from "../audit/refusals.js";
import {
  type Authenticator,
  createAuthenticator,
  createPublicAuthenticator,
  noAuthentication,
} from "../callers/authentication.js";
import { actorOf } from "../callers/caller.js";
import { CallerLimits } from "../callers/limits.js";
import { tokenRefusals } from "../callers/oidc/access-token.js";
import { createOidcVerifier, type OidcVerifier } from "../callers/oidc/oidc.js";
import { Services } from "../callers/services.js";
import type { Address } from "../domain/network.js";
import { RateLimiter } from "../domain/rate-limiter.js";
import { tokenCaller } from "../manage/token-caller.js";
import type { DecisionParts } from "./decision-parts.js";
import type { Foundation } from "./parts.js";

/** The parts that authenticate callers and check management calls. */
export interface Callers {
  readonly services: Services;
  readonly users: OidcVerifier;
  readonly authenticator: Authenticator;
  /** For the public port. */
  readonly publicAuthenticator: Authenticator;
  readonly refusals: RefusalRecorder;
  readonly management: Management;
}

export function createCallers(parts: Foundation & DecisionParts): Callers {
  const { config, events, clock, log, revocation, resolver } = parts;
  const services = new Services(config.callers);
  const users = createUsers(parts);
  const people = {
    users,
    tokens: (secret: string, address: Address | undefined, deadline: number | undefined) =>
      tokenCaller({ tokens: resolver, clock }, secret, address, deadline),
  };
  const refusals = new RefusalRecorder({
    store: events,
    clock,
    onFailure: (error) => log.error({ error }, "failed to write an audit event"),
  });
  return {
    services,
    users,
    authenticator: config.dangerouslyDisableCallerAuthentication
      ? noAuthentication
      : createAuthenticator({ services, ...people }),
    publicAuthenticator: createPublicAuthenticator(people),
    refusals,
    management: {
      onRefusal: ({ reason }, caller, call) => refusals.record(reason, caller, call.method, call.address?.toString()),
      limits: createLimits(parts, refusals),
      confirm: revocation.confirm,
    },
  };
}

function createUsers({ config, clock, metrics, log }: Foundation): OidcVerifier {
  // Unauthenticated callers must not be able to fill the log: one line a minute for each issuer and reason.
  const refusalLines = new RateLimiter({
    limit: { burst: 1, intervalMs: 60_000 },
    monotonicMs: () => performance.now(),
  });
  return createOidcVerifier(config.issuers, {
    subjectTypes: config.subjects,
    clock: clock.judging,
    onRefusal(reason, issuer) {
      metrics.accessTokenRefused(issuer, reason);
      if (refusalLines.waitMs(`${issuer} ${reason}`) > 0) return;
      log.info({ reason, issuer, meaning: tokenRefusals[reason] }, "an access token was refused");
    },
    onFetchFailure: (issuer, error) => log.warn({ issuer, error }, "failed to fetch an issuer's keys; retrying"),
  });
}

function createLimits({ config, metrics, log }: Foundation, refusals: RefusalRecorder): CallerLimits {
  const { self: _, ...limits } = config.limits;
  return new CallerLimits({
    limits,
    monotonicMs: () => performance.now(),
    onExcess({ limit, caller, first }, method) {
      metrics.callLimited(limit);
      if (!first) return;
      log.warn({ event: "excess_rate_limit_exceeded", actor: actorOf(caller), limit, method }, "calls too fast");
      refusals.record("OVERLOADED", caller, method, caller.from);
    },
  });
}
