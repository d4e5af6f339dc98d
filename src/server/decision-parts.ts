import { Rights } from "../callers/rights.js";
import { Authorizer } from "../check/decision.js";
import type { ListResourcesOptions } from "../check/list-resources.js";
import { TokenResolver } from "../check/token-resolver.js";
import { createLastUseStore } from "../database/last-use.js";
import { createUsageStore } from "../database/usage.js";
import { newAuditEvent } from "../domain/audit-event.js";
import { organizationOf } from "../domain/token.js";
import { ReuseDetector } from "../manage/reuse.js";
import { createRevocation, type Revocation } from "../revocation/revocation.js";
import { UsageRecorder } from "../usage/usage-recorder.js";
import type { Foundation } from "./parts.js";

/** The parts that a Check uses. */
export interface DecisionParts {
  readonly revocation: Revocation;
  readonly usage: UsageRecorder;
  readonly reuse: ReuseDetector;
  readonly rights: Rights;
  /** Resolves tokens for calls that revoke them: these do not depend on the time, so a wrong clock does not matter. */
  readonly resolver: TokenResolver;
  /** The same for decisions, which depend on the time: fails while this machine's clock is wrong. */
  readonly judged: Pick<TokenResolver, "resolve">;
  readonly authorizer: Authorizer;
  readonly listing: ListResourcesOptions;
}

export function createDecisionParts(foundation: Foundation): DecisionParts {
  const { config, database, clock, peppers, tokens, revocations, metrics, health, openfga, watch, log } = foundation;
  const { permissions, resources } = openfga;
  const revocation = (foundation.createRevocation ?? createRevocation)({
    ...config.tokenCache,
    store: revocations,
    onProblem: (problem) => health.lease(problem),
  });
  metrics.observeTokenCache(revocation);
  const resolver = new TokenResolver({
    brand: config.tokens.brand,
    peppers,
    store: tokens,
    known: revocation.cache,
    onLookup: metrics.tokenLookedUp,
  });
  const judged: DecisionParts["judged"] = {
    resolve: (text, options) =>
      clock.fault ? { kind: "failed", failure: clock.fault } : resolver.resolve(text, options),
  };
  const usage = new UsageRecorder({
    store: createUsageStore(database),
    lastUses: config.usage.lastUse ? createLastUseStore(database) : undefined,
    log,
    flushIntervalMs: config.usage.flushIntervalMs,
    clocksAgree: () => watch.clocksAgree(),
    onLost: metrics.usageLost,
  });
  const reuse = createReuseDetector(foundation);
  const memberRelation = config.subjects.relations.member;
  const authorizer = new Authorizer({
    tokens: judged,
    snapshots: tokens,
    permissions,
    clock,
    memberRelation,
    onDecision({ reason, token }, question) {
      metrics.decided(reason);
      if (token) usage.record(token, question, reason);
    },
    onSuperseded: (reused) => reuse.notice(reused),
  });
  const listing: ListResourcesOptions = {
    tokens: judged,
    permissions,
    resources,
    clock,
    memberRelation,
    onUse: (token, { clientAddress }) => usage.used(token, clientAddress),
    onSuperseded: (reused) => reuse.notice(reused),
  };
  const rights = new Rights({ permissions, relations: config.subjects.relations });
  return { revocation, usage, reuse, rights, resolver, judged, authorizer, listing };
}

function createReuseDetector({ tokens, clock, events, log }: Foundation): ReuseDetector {
  return new ReuseDetector({
    store: tokens,
    clock,
    onReuse(token) {
      const { id, subject, secretId } = token;
      log.warn({ tokenId: id, secretId, subject }, "a superseded secret was used");
      const facts = { time: clock.now(), actor: `token:${id}`, action: "token.reused" as const };
      const details = { secret: secretId };
      const organization = organizationOf(token);
      const event = newAuditEvent({ ...facts, subject, tokenId: id, organization, outcome: "refused", details });
      void events.append(event).catch((error: unknown) => log.error({ error }, "failed to write an audit event"));
    },
    onFailure: (error) => log.error({ error }, "failed to revoke a token whose superseded secret was used"),
  });
}
