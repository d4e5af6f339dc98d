import { setTimeout as sleep } from "node:timers/promises";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import type { OnRefusal } from "../api/guard.js";
import { RefusalRecorder } from "../audit/refusals.js";
import { createAuthenticator, createPublicAuthenticator, noAuthentication } from "../callers/authentication.js";
import { actorOf } from "../callers/caller.js";
import { CallerLimits } from "../callers/limits.js";
import { tokenRefusals } from "../callers/oidc/access-token.js";
import { createOidcVerifier } from "../callers/oidc/oidc.js";
import { Rights } from "../callers/rights.js";
import { ServiceCertificates } from "../callers/service-certificates.js";
import { ServiceKeys } from "../callers/service-keys.js";
import { Authorizer } from "../check/authorizer.js";
import { TokenResolver } from "../check/token-resolver.js";
import type { Config } from "../config/config.js";
import { configHash } from "../config/config-hash.js";
import type { ListenerTls } from "../config/listeners.js";
import { restartKeys } from "../config/restart-keys.js";
import { createAuditStore } from "../database/audit.js";
import type { Database } from "../database/database.js";
import { createLastUseStore } from "../database/last-use.js";
import { createPepperStore } from "../database/pepper.js";
import { createPolicyStore } from "../database/policy.js";
import { createRevocationStore } from "../database/revocation.js";
import { verifySettings } from "../database/settings.js";
import { createTokenStore } from "../database/token.js";
import { createUsageStore } from "../database/usage.js";
import { type ClockDifference, DatabaseWatch, verifySchema } from "../database/watch.js";
import { newAuditEvent } from "../domain/audit-event.js";
import { formatHostPort } from "../domain/host-port.js";
import type { Address } from "../domain/network.js";
import { PepperRing } from "../domain/pepper.js";
import { RateLimiter } from "../domain/rate-limiter.js";
import { clientAddress } from "../integrations/shared/client-address.js";
import { ReuseDetector } from "../manage/reuse.js";
import { tokenCaller } from "../manage/token-caller.js";
import { verifyPeppers } from "../manage/verify-peppers.js";
import { createRevocation } from "../revocation/revocation.js";
import { LineBudget } from "../telemetry/line-budget.js";
import type { Logger } from "../telemetry/log.js";
import { createMetrics } from "../telemetry/metrics.js";
import { createMetricsServer } from "../telemetry/metrics-server.js";
import { type Vital, Vitals } from "../telemetry/vitals.js";
import { connectRoutes } from "../transport/connect.js";
import { allowOrigins } from "../transport/cors.js";
import { startGrpcListener, type TlsKeys } from "../transport/grpc-listener.js";
import { HealthService } from "../transport/health.js";
import { startHttpListener } from "../transport/http-listener.js";
import { livez, probes } from "../transport/probes.js";
import { reflection } from "../transport/reflection.js";
import type { CallContext } from "../transport/service.js";
import type { StatusError } from "../transport/status.js";
import { UsageRecorder } from "../usage/usage-recorder.js";
import { ComparedClock } from "./compared-clock.js";
import { composeIntegrations } from "./integrations.js";
import { composeHousekeeping } from "./jobs.js";
import { composeOpenFga } from "./openfga.js";
import { composeServices, managementServices, publicServices, type ServicesOptions } from "./services.js";

export interface Parts {
  readonly database: Database;
  readonly log: Logger;
  /** How revocations reach every replica. Default: as promised. */
  readonly revocation?: typeof createRevocation;
}

/** A service that listens. */
export interface Running {
  /** `host:port` with the real ports. */
  readonly grpc: string;
  readonly http: string;
  /** Undefined: closed. */
  readonly publicHttp: string | undefined;
  readonly metrics: string;
  /**
   * Takes up the callers, issuers and model of another configuration, all or nothing: nothing when OpenFGA does not give the model. Says in the
   * log what it did and what needs a restart. To be awaited before it is called again.
   */
  reload(next: Config): Promise<void>;
  /**
   * Tells balancers and watchers, lets calls finish, closes the ports and connections. The database stays its opener's. `drainDelayMs`: how long it
   * goes on serving first, by default that of the configuration.
   */
  stop(options?: { readonly drainDelayMs: number }): Promise<void>;
}

type VitalName =
  | "database"
  | "clock"
  | "token_cache"
  | "openfga"
  | "openfga_configuration"
  | "model_user"
  | "model_organization";

/**
 * The composition root: the only place that knows every part. Resolves when both ports listen. Rejects when the database does not answer, is
 * not migrated, or when a pepper does not fit what is stored; an OpenFGA that is down does not stop the start, so that revoking stays reachable.
 */
export async function startPatwarden(
  config: Config,
  { database, log, revocation: composeRevocation = createRevocation }: Parts,
): Promise<Running> {
  const metrics = createMetrics();
  const clock = new ComparedClock();
  const peppers = new PepperRing(config.tokens.brand, config.tokens.peppers);
  const store = createTokenStore(database);
  for (const warning of await verifySettings(database)) log.warn(warning);
  await verifySchema(database);
  await verifyPeppers(createPepperStore(database), peppers, clock.now());

  const health = new HealthService([AuthorizationService.typeName, ...managementServices]);
  // OpenFGA is essential until it has been read once; a later outage shows in health of AuthorizationService only.
  const vitals = new Vitals<VitalName>(["database", "clock", "openfga_configuration"], log, showHealth);
  let listening = false;
  const watch = new DatabaseWatch({
    database,
    wallMs: Date.now,
    onLook: (problem) => vitals.report("database", problem === undefined ? { ok: true } : { ok: false, problem }),
    onClock(difference) {
      clock.compared(difference === undefined);
      vitals.report("clock", difference ? clocksDiffer(difference) : { ok: true });
    },
  });
  const openfga = composeOpenFga({
    config: config.openfga,
    metrics,
    clock,
    onChange(state) {
      const ready = state.kind === "ready";
      const problem = "problem" in state ? { problem: state.problem } : {};
      vitals.report("openfga", { ok: ready, ...problem });
      if (state.kind !== "unreachable") vitals.report("openfga_configuration", { ok: ready, ...problem });
      if (ready) reportSubjectTypes();
    },
  });
  const { connection, permissions } = openfga;
  const model = () => connection.model();
  const revocationStore = createRevocationStore(database);
  const revocation = composeRevocation({
    ...config.tokenCache,
    store: revocationStore,
    onProblem(problem) {
      if (!problem) vitals.report("token_cache", { ok: true });
      else vitals.report("token_cache", { ok: false, problem: replicaProblems[problem.kind] });
    },
  });
  metrics.observeTokenCache(revocation);
  const tokens = new TokenResolver({
    brand: config.tokens.brand,
    peppers,
    store,
    known: revocation.cache,
    onLookup: metrics.tokenLookedUp,
  });
  /** What is judged by its times. Holders and possessors who end a token go past it: no time decides that. */
  const judged: Pick<TokenResolver, "resolve"> = {
    resolve: (text, options) =>
      clock.fault ? { kind: "failed", failure: clock.fault } : tokens.resolve(text, options),
  };
  const auditStore = createAuditStore(database);
  const notRecorded = (error: unknown): void => log.error({ error }, "an audit event could not be written");
  const refused = new RefusalRecorder({ store: auditStore, clock, onFailure: notRecorded });
  const reuse = new ReuseDetector({
    store,
    clock,
    onReuse({ id, subject, secretId }) {
      log.warn({ tokenId: id, secretId, subject }, "a superseded secret was used");
      const facts = { time: clock.now(), actor: `token:${id}`, action: "token.reused" as const };
      const details = { secret: secretId };
      const event = newAuditEvent({ ...facts, subject, tokenId: id, outcome: "refused", details });
      void auditStore.append(event).catch(notRecorded);
    },
    onFailure: (error) => log.error({ error }, "a token whose superseded secret was used could not be revoked"),
  });
  const usageStore = createUsageStore(database);
  const usage = new UsageRecorder({
    store: usageStore,
    lastUses: config.usage.lastUse ? createLastUseStore(database) : undefined,
    log,
    flushIntervalMs: config.usage.flushIntervalMs,
    clocksAgree: () => watch.clocksAgree(),
    onLost: metrics.usageLost,
  });
  const policies = createPolicyStore(database);
  const rights = new Rights({ permissions, relations: config.subjects.relations });
  const authorizer = new Authorizer({
    tokens: judged,
    snapshots: store,
    permissions,
    clock,
    memberRelation: config.subjects.relations.member,
    onDecision({ reason, token }, question) {
      metrics.decided(reason);
      if (token) usage.record(token, question, reason);
    },
    onSuperseded: (reused) => reuse.notice(reused),
  });

  const serviceKeys = new ServiceKeys(config.callers);
  const serviceCertificates = new ServiceCertificates(config.callers);
  const refusalLines = new RateLimiter({
    limit: { burst: 1, intervalMs: 60_000 },
    monotonicMs: () => performance.now(),
  });
  const users = createOidcVerifier(config.issuers, {
    subjectTypes: config.subjects,
    clock: {
      now() {
        if (clock.fault) throw clock.fault;
        return clock.now();
      },
    },
    onRefusal(reason, issuer) {
      metrics.accessTokenRefused(issuer, reason);
      // Strangers must not be able to fill the log: of each issuer and reason one line a minute.
      if (refusalLines.waitMs(`${issuer} ${reason}`) > 0) return;
      log.info({ reason, issuer, meaning: tokenRefusals[reason] }, "an access token was refused");
    },
    onFetchFailure: (issuer, error) => log.warn({ issuer, error }, "an issuer's keys could not be had"),
  });
  const people = {
    users,
    tokens: (secret: string, address: Address | undefined, deadline: number | undefined) =>
      tokenCaller({ tokens, clock }, secret, address, deadline),
  };
  const authenticator = config.dangerouslyDisableCallerAuthentication
    ? noAuthentication
    : createAuthenticator({ serviceKeys, serviceCertificates, ...people });
  warnOfPowers(config, log);
  const onRefusal: OnRefusal = ({ reason }, caller, call) =>
    refused.record(reason, caller, call.method, call.address?.toString());
  const { self: _, ...callerLimits } = config.limits;
  const limits = new CallerLimits({
    limits: callerLimits,
    monotonicMs: () => performance.now(),
    onExcess({ limit, caller, first }, method) {
      metrics.callLimited(limit);
      if (!first) return;
      log.warn({ event: "excess_rate_limit_exceeded", actor: actorOf(caller), limit, method }, "calls too fast");
      refused.record("OVERLOADED", caller, method, caller.from);
    },
  });
  const services: ServicesOptions = {
    config,
    authorizer,
    listing: {
      tokens: judged,
      permissions,
      resources: openfga.resources,
      clock,
      memberRelation: config.subjects.relations.member,
      onUse: (token, { clientAddress }) => usage.used(token, clientAddress),
      onSuperseded: (reused) => reuse.notice(reused),
    },
    model,
    database,
    rights,
    peppers,
    clock,
    management: { onRefusal, limits, confirm: revocation.confirm },
  };
  const described = [...composeServices(services, authenticator), health.implementation];
  const implementations = config.reflection ? [...described, ...reflection(described)] : described;

  await connection.start();
  await watch.start();
  const lines = new LineBudget(() => performance.now());
  const onEnd = (call: CallContext, error: StatusError | undefined): void => {
    metrics.rpcEnded(call.method, error?.code ?? "OK", performance.now() - call.startTime);
    logCall(log, lines, call, error);
  };
  const onDefect = (error: unknown): void => {
    const omitted = lines.admit("route");
    if (omitted !== undefined) log.error({ error, ...(omitted > 0 && { omitted }) }, "a route failed");
  };
  const integrations = composeIntegrations({
    config,
    database,
    tokens,
    judged,
    authorizer,
    permissions,
    model,
    revocation,
    rights,
    reuse,
    usage,
    peppers,
    serviceKeys,
    serviceCertificates,
    clock,
    metrics,
    log,
    onDefect,
  });
  await integrations.signingKeys?.start();
  const connect = connectRoutes(implementations, { onEnd });
  const metricsServer = await createMetricsServer(config.metrics, metrics.registry);
  const grpc = await startGrpcListener({
    ...listener(config.grpc),
    implementations: [...implementations, ...integrations.services],
    onEnd,
    events: metrics.arrivalsAt("grpc"),
  });
  const http = await startHttpListener({
    ...listener(config.http),
    routes: [...probes(() => vitals.snapshot()), ...integrations.routes],
    rpc: connect,
    onDefect,
    events: metrics.arrivalsAt("http"),
  });
  const trustedProxies = config.publicHttp?.trustedProxies ?? [];
  const publicHttp =
    config.publicHttp &&
    (await startHttpListener({
      ...listener(config.publicHttp),
      routes: [livez, ...integrations.publicRoutes],
      rpc: connectRoutes(
        composeServices(services, createPublicAuthenticator(people)).filter(({ service }) =>
          publicServices.includes(service.typeName),
        ),
        { onEnd, addressOf: (request) => clientAddress(request, trustedProxies) },
      ),
      cors: allowOrigins(config.publicHttp.origins),
      onDefect,
      events: metrics.arrivalsAt("public_http"),
    }));
  const housekeeping = composeHousekeeping({
    config,
    database,
    tokens: store,
    policies,
    events: auditStore,
    revocations: revocationStore,
    signingKeys: integrations.signingKeys,
    peppers,
    clock,
    clocksAgree: () => watch.clocksAgree(),
    log,
  });
  // Last: a start that failed after it would leave a registration behind, which the next revocation waits for.
  await revocation.start();
  if (config.tokenCache.leaseMs > 0 && !revocation.notified()) {
    log.warn(
      "no notifications arrive from the database, so a change takes until the next renewal; point database.listen_url at PostgreSQL itself, not at a pooler",
    );
  }
  housekeeping.start();
  integrations.leakNotifier?.start();
  usage.start();
  listening = true;
  showHealth();
  metrics.configured(configHash(config));
  const addresses = { grpc: grpc.address, http: http.address, metrics: metricsServer.address };
  log.info({ ...addresses, ...(publicHttp && { public_http: publicHttp.address }) }, "listening");

  let current = config;
  return {
    ...addresses,
    publicHttp: publicHttp?.address,
    async reload(next) {
      const { modelId } = next.openfga;
      if (modelId !== connection.modelId) {
        const found = await connection.pin(modelId);
        if (found.kind !== "ready") {
          log.error(
            { modelId, problem: found.problem },
            "the authorization model cannot be had; nothing of it was taken up. Correct openfga.model_id or write that model, then send SIGHUP again; another openfga.store_id needs a restart",
          );
          return;
        }
        reportSubjectTypes();
      }
      serviceKeys.replace(next.callers);
      serviceCertificates.replace(next.callers);
      users.replace(next.issuers);
      metrics.configured(configHash(next));
      const keys = restartKeys(current, next);
      const { callers, issuers } = next;
      current = { ...current, callers, issuers, openfga: { ...current.openfga, modelId } };
      const facts = { callers: callers.length, issuers: issuers.length, modelId };
      log.info(facts, "took up callers, issuers and model of the configuration");
      if (keys.length > 0) log.warn({ keys }, "these keys differ and need a restart");
    },
    async stop({ drainDelayMs } = config) {
      log.info("draining");
      health.drain();
      const watched = watch.stop();
      vitals.report("database", { ok: false, problem: "shutting down" });
      await sleep(drainDelayMs);
      health.close();
      await Promise.all([grpc, http, publicHttp].map((port) => port?.drain(config.graceMs)));
      await usage.stop();
      openfga.close();
      const jobs = Promise.all([watched, housekeeping.stop(), integrations.leakNotifier?.stop(), refused.stop()]);
      // What has begun may end within the grace; a statement of minutes ends with its connection.
      await Promise.race([jobs, sleep(config.graceMs, undefined, { ref: false })]);
      await revocation.stop();
      await metricsServer.close();
      log.info("stopped");
    },
  };

  /** gRPC health says what `/readyz` says, and of AuthorizationService besides whether OpenFGA answers. */
  function showHealth(): void {
    const ready = listening && vitals.ready;
    for (const name of ["", ...managementServices]) health.set(name, ready);
    health.set(AuthorizationService.typeName, ready && vitals.isWell("openfga"));
  }

  /** Otherwise people would get a silent NOT_PERMITTED for ever. */
  function reportSubjectTypes(): void {
    for (const kind of ["user", "organization"] as const) {
      const type = config.subjects[kind];
      const problem = `the authorization model admits type ${type} nowhere directly: tokens of ${kind}s are refused`;
      vitals.report(`model_${kind}`, model().admits(type) ? { ok: true } : { ok: false, problem });
    }
  }
}

/** Until they pass, every Check reads the database. */
const replicaProblems = {
  failed: "the lease could not be renewed; every Check reads the database",
  "clock-stopped":
    "this machine stood still, or the database's clock was set; every Check reads the database for ten minutes",
  "history-lost":
    "the database lost changes, as after a fail-over to a standby that lagged; check what was revoked, then restart",
} as const;

function clocksDiffer({ here, database }: ClockDifference): Vital {
  return {
    ok: false,
    problem:
      "the clocks of this machine and the database's differ by more than a second; synchronize them. Until then no token is judged here",
    facts: { here: here.toISOString(), database: database.toISOString() },
  };
}

function listener({ listen, tls }: Config["grpc"]): { readonly listen: string; readonly tls?: TlsKeys } {
  return { listen: formatHostPort(listen), ...(tls && { tls: tlsKeys(tls) }) };
}

function tlsKeys({ cert, key, clientCa }: ListenerTls): TlsKeys {
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ...(clientCa !== undefined && { clientCa: Buffer.from(clientCa) }),
  };
}

function warnOfPowers({ callers, dangerouslyDisableCallerAuthentication }: Config, log: Logger): void {
  if (dangerouslyDisableCallerAuthentication) {
    log.warn("CALLER AUTHENTICATION IS OFF: whoever reaches a port is an administrator");
  }
  for (const { caller } of callers) {
    const { permissions, subjects } = caller;
    if (!subjects && (permissions.has("tokens.impersonate") || permissions.has("admin"))) {
      log.warn({ caller: caller.name }, "may create tokens for any subject; `subjects` would narrow it");
    }
  }
}

const reading = /\/(Check|BatchCheck|Introspect|Get\w+|List\w+|Query\w+|Watch|ServerReflectionInfo)$/;

/** Failed and changing calls; answered questions are counted, not logged. */
function logCall(log: Logger, lines: LineBudget, call: CallContext, error: StatusError | undefined): void {
  // Most calls are read calls that end well: nothing of them may cost.
  if (!error && reading.test(call.method)) return;
  const { method, transport, requestId } = call;
  const facts = { method, address: call.address?.toString(), transport, requestId };
  if (!error) {
    log.info(facts, "call");
    return;
  }
  // Each failed fetch is in the log; a line for each made-up name of a key would let strangers fill it.
  const warned = error.code === "UNAVAILABLE" && error.reason !== "ISSUER_UNAVAILABLE";
  // A caller who is refused for how it calls cannot see why by itself where a proxy stands in between.
  const problem = error.metadata["problem"];
  const quiet = problem === undefined ? "debug" : "info";
  const level = error.code === "INTERNAL" ? "error" : warned ? "warn" : quiet;
  const omitted = level === "debug" ? 0 : lines.admit(`${call.method} ${error.code}`);
  if (omitted === undefined) return;
  log[level](
    {
      ...facts,
      code: error.code,
      reason: error.reason,
      ...(problem !== undefined && { problem }),
      ...(error.cause !== undefined && { error: error.cause }),
      ...(omitted > 0 && { omitted }),
    },
    "call failed",
  );
}
