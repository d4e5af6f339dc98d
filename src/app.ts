import { setTimeout as sleep } from "node:timers/promises";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import {
  type Authenticator,
  createAuthenticator,
  createPublicAuthenticator,
  noAuthentication,
} from "./access/authentication.js";
import { actorOf } from "./access/caller.js";
import { CallerLimits, limitRules } from "./access/limits.js";
import { createOidcVerifier } from "./access/oidc.js";
import { accessRules } from "./access/rules.js";
import { ServiceCertificates } from "./access/service-certificates.js";
import { ServiceKeys } from "./access/service-keys.js";
import { checkpointKey, checkpointKeyLabel } from "./audit/chain.js";
import { newAuditEvent } from "./audit/event.js";
import { createRetention } from "./audit/retention.js";
import { createSealer } from "./audit/sealer.js";
import { Authorizer } from "./check/authorizer.js";
import { systemClock } from "./check/clock.js";
import { TokenResolver } from "./check/token-resolver.js";
import type { Config, ListenerTls } from "./config/config.js";
import { configHash } from "./config/config-hash.js";
import { formatHostPort } from "./config/host-port.js";
import { restartKeys } from "./config/restart-keys.js";
import { clientAddress } from "./doors/client-address.js";
import { type ExchangeConfig, openDoors } from "./doors/doors.js";
import type { TokenExchange } from "./doors/oauth/exchange.js";
import { allowOrigins } from "./http/cors.js";
import { startHttpListener } from "./http/http-listener.js";
import { livez, probes } from "./http/probes.js";
import { LeakNotifier, tellLog } from "./leaks/leak-notifier.js";
import { createWebhook } from "./leaks/webhook.js";
import { type ExchangeTokenOptions, exchangeToken } from "./manage/exchange-token.js";
import { RefusalRecorder } from "./manage/refusals.js";
import { reportLeaks } from "./manage/report-leaks.js";
import { ReuseDetector } from "./manage/reuse.js";
import { revokeBySecret } from "./manage/revoke-by-secret.js";
import { revokeItself } from "./manage/revoke-itself.js";
import { revokeUnused } from "./manage/revoke-unused.js";
import { Rights } from "./manage/rights.js";
import { tokenCaller } from "./manage/token-caller.js";
import { verifyPeppers } from "./manage/verify-peppers.js";
import type { Logger } from "./observability/log.js";
import { createMetrics } from "./observability/metrics.js";
import { createMetricsServer } from "./observability/metrics-server.js";
import { Vitals } from "./observability/vitals.js";
import { BatchingPermissionChecker } from "./openfga/batching-permission-checker.js";
import { OpenFgaClient } from "./openfga/client.js";
import { createContextOf } from "./openfga/condition-context.js";
import { OpenFgaConnection } from "./openfga/connection.js";
import { createGrpcPermissionChecker } from "./openfga/grpc-permission-checker.js";
import { createGrpcResourceLister } from "./openfga/grpc-resource-lister.js";
import type { Outcome } from "./openfga/outcome.js";
import type { PermissionChecker } from "./openfga/permission-checker.js";
import { createRevocation } from "./revocation/revocation.js";
import { auditService } from "./rpc/audit-service.js";
import { authorizationService } from "./rpc/authorization-service.js";
import { connectRoutes } from "./rpc/connect.js";
import { startGrpcListener, type TlsKeys } from "./rpc/grpc-listener.js";
import { guard, type OnRefusal } from "./rpc/guard.js";
import { HealthService } from "./rpc/health.js";
import { policyService } from "./rpc/policy-service.js";
import { reflection } from "./rpc/reflection.js";
import type { CallContext } from "./rpc/service.js";
import type { StatusError } from "./rpc/status.js";
import { subjectService } from "./rpc/subject-service.js";
import { tokenService } from "./rpc/token-service.js";
import { usageService } from "./rpc/usage-service.js";
import { signingKeyLabel } from "./signing/signing-key.js";
import { SigningKeys } from "./signing/signing-keys.js";
import { type Database, databaseTime } from "./store/database.js";
import { deleteDeadTokens } from "./store/dead-tokens.js";
import { schemaIsCurrent } from "./store/migrations.js";
import { createAuditStore } from "./store/postgres-audit-store.js";
import { createLastUseStore } from "./store/postgres-last-use-store.js";
import { createLeakStore } from "./store/postgres-leak-store.js";
import { createPolicyStore } from "./store/postgres-policy-store.js";
import { createRevocationStore } from "./store/postgres-revocation-store.js";
import { createSigningKeyStore } from "./store/postgres-signing-key-store.js";
import { createSubjectStore } from "./store/postgres-subject-store.js";
import { createTokenStore } from "./store/postgres-token-store.js";
import { createUsageStore } from "./store/postgres-usage-store.js";
import { PepperRing } from "./token/pepper.js";
import { UsageRecorder } from "./usage/usage-recorder.js";

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
  /** Tells balancers and watchers, lets calls finish, closes the ports and connections. The database stays its opener's. */
  stop(): Promise<void>;
}

type VitalName = "database" | "token_cache" | "openfga" | "openfga_configuration" | "model_user" | "model_organization";

/** They work while OpenFGA is down, as far as they need not ask it. */
const managementServices = [TokenService, SubjectService, PolicyService, AuditService, UsageService].map(
  ({ typeName }) => typeName,
);

const vitalsIntervalMs = 2_000;
const sweepIntervalMs = 60_000;
/** It goes through all tokens under a limit, which is a day at least. */
const unusedIntervalMs = 600_000;
/** How long a door waits for every replica: no HTTP caller says how long it waits itself. */
const doorDeadlineMs = 10_000;
/** The same for reports of leaks: their senders give up after half a minute. */
const leakDeadlineMs = 20_000;
/** What users may do by themselves, and tokens about themselves. */
const publicServices: readonly string[] = [TokenService, PolicyService, UsageService].map(({ typeName }) => typeName);
/** Changes that a replica may have missed and still drop one by one. */
const epochsKept = 10_000;
const maxClockOffsetMs = 1_000;

/**
 * The composition root: the only place that knows every part. Resolves when both ports listen. Rejects when the database does not answer, is
 * not migrated, or when a pepper does not fit what is stored; an OpenFGA that is down does not stop the start, so that revoking stays reachable.
 */
export async function startPatwarden(
  config: Config,
  { database, log, revocation: composeRevocation = createRevocation }: Parts,
): Promise<Running> {
  const metrics = createMetrics();
  const clock = systemClock;
  const peppers = new PepperRing(config.tokens.brand, config.tokens.peppers);
  const store = createTokenStore(database);
  await verifySchema();
  await verifyPeppers(store, peppers, clock.now());

  const client = new OpenFgaClient({
    addresses: config.openfga.addresses.map(formatHostPort),
    tls: config.openfga.tls,
    apiKey: config.openfga.auth?.preshared,
    timeoutMs: config.openfga.timeoutMs,
  });
  const pinned = { client, storeId: config.openfga.storeId, modelId: config.openfga.modelId };
  const health = new HealthService([AuthorizationService.typeName, ...managementServices]);
  // OpenFGA is essential until it has been read once; a later outage shows in health of AuthorizationService only.
  const vitals = new Vitals<VitalName>(["database", "openfga_configuration"], log);
  const openfga = new OpenFgaConnection({
    ...pinned,
    maxBatch: config.openfga.maxBatch,
    onChange(state) {
      const ready = state.kind === "ready";
      const problem = "problem" in state ? { problem: state.problem } : {};
      vitals.report("openfga", { ok: ready, ...problem });
      if (state.kind !== "unreachable") vitals.report("openfga_configuration", { ok: ready, ...problem });
      health.set(AuthorizationService.typeName, ready);
      if (ready) reportSubjectTypes();
    },
  });
  const model = () => openfga.model();
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
  const contextOf = createContextOf(config.openfga.context, () => clock.now());
  const openfgaEnded = (method: string, outcome: Outcome, questions: number): void => {
    metrics.openfgaCallEnded(method, outcome, questions);
    openfga.noticed(outcome);
  };
  // One for each model: what waits to be asked, and answers that are kept, are of the model that was pinned then.
  const checker = currentFor(
    () => openfga.modelId,
    (modelId) =>
      new BatchingPermissionChecker({
        ...config.openfga,
        checker: createGrpcPermissionChecker({
          ...pinned,
          modelId,
          onOutcome: openfgaEnded,
        }),
        contextOf,
        onKept: metrics.answerKept,
        onJoined: metrics.questionJoined,
      }),
  );
  const permissions: PermissionChecker = { check: (...asked) => checker().check(...asked) };
  const lister = currentFor(
    () => openfga.modelId,
    (modelId) =>
      createGrpcResourceLister({ ...pinned, ...config.openfga, modelId, contextOf, onOutcome: openfgaEnded }),
  );
  const auditStore = createAuditStore(database);
  const notRecorded = (error: unknown): void => log.error({ error }, "an audit event could not be written");
  const refused = new RefusalRecorder({ store: auditStore, clock, onFailure: notRecorded });
  const signing = {
    store: auditStore,
    log,
    key: checkpointKey(peppers.deriveKey(checkpointKeyLabel)),
    now: () => clock.now(),
  };
  const sealer = createSealer(signing);
  const retention = createRetention({
    ...signing,
    keys: peppers.deriveKeys(checkpointKeyLabel).map(checkpointKey),
    retentionMs: config.audit.retentionMs,
    deleteDeadTokens: (before, limit) => deleteDeadTokens(database, before, limit),
  });
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
    onLost: metrics.usageLost,
  });
  const policies = createPolicyStore(database);
  const rights = new Rights({ permissions, relations: config.relations });
  const authorizer = new Authorizer({
    tokens,
    snapshots: store,
    permissions,
    clock,
    memberRelation: config.relations.member,
    onDecision({ reason, token }, question) {
      metrics.decided(reason);
      if (token) usage.record(token, question, reason);
    },
    onSuperseded: (reused) => reuse.notice(reused),
  });

  const serviceKeys = new ServiceKeys(config.callers);
  const serviceCertificates = new ServiceCertificates(config.callers);
  const users = createOidcVerifier(config.issuers, {
    subjectTypes: config.subjects,
    clock,
    onRefusal: (reason, issuer) => log.debug({ reason, issuer }, "an access token was refused"),
    onFetchFailure: (issuer, error) => log.warn({ issuer, error }, "an issuer's keys could not be had"),
  });
  const people = { users, tokens: (secret: string, peer: string) => tokenCaller({ tokens, clock }, secret, peer) };
  const authenticator = config.dangerouslyDisableCallerAuthentication
    ? noAuthentication
    : createAuthenticator({ serviceKeys, serviceCertificates, ...people });
  warnOfPowers(config, log);
  const onRefusal: OnRefusal = ({ reason }, caller, call) => refused.record(reason, caller, call.method, call.peer);
  const { self: selfLimit, ...callerLimits } = config.limits;
  const limits = new CallerLimits({
    limits: callerLimits,
    now: () => performance.now(),
    onExcess({ limit, caller, first }, method) {
      metrics.callLimited(limit);
      if (!first) return;
      log.warn({ event: "excess_rate_limit_exceeded", actor: actorOf(caller), limit, method }, "calls too fast");
      refused.record("OVERLOADED", caller, method, caller.from ?? "");
    },
  });
  const management = { onRefusal, limits, confirm: revocation.confirm };
  const servicesFor = (authenticator: Authenticator) => [
    guard(
      AuthorizationService,
      accessRules.authorization,
      authenticator,
      authorizationService({
        authorizer,
        resources: {
          tokens,
          permissions,
          resources: { list: (...asked) => lister().list(...asked) },
          clock,
          memberRelation: config.relations.member,
          onUse: (token, { clientAddress }) => usage.used(token, clientAddress),
          onSuperseded: (reused) => reuse.notice(reused),
        },
        model,
        clock,
      }),
    ),
    guard(
      TokenService,
      accessRules.tokens,
      authenticator,
      tokenService({
        store,
        peppers,
        clock,
        model,
        rights,
        permissions,
        memberRelation: config.relations.member,
        defaultLifetimeMs: config.tokens.defaultLifetimeMs,
        pageTokenKeys: peppers.deriveKeys("patwarden page token"),
        requestKeys: peppers.deriveKeys("patwarden request"),
        subjectTypes: config.subjects,
      }),
      { ...management, limitRules: limitRules.tokens },
    ),
    guard(
      SubjectService,
      accessRules.subjects,
      authenticator,
      subjectService({ subjects: createSubjectStore(database), clock, subjectTypes: config.subjects }),
      { ...management, limitRules: limitRules.subjects },
    ),
    guard(
      AuditService,
      accessRules.audit,
      authenticator,
      auditService({
        events: auditStore,
        findTokenBySecretSha256: (sha256) => store.findByDigest(peppers.digestsOfSha256(sha256)),
        pageTokenKeys: peppers.deriveKeys("patwarden page token"),
        subjectTypes: config.subjects,
      }),
      { ...management, limitRules: limitRules.audit },
    ),
    guard(
      PolicyService,
      accessRules.policies,
      authenticator,
      policyService({
        policies,
        store,
        rights,
        clock,
        model,
        subjectTypes: config.subjects,
      }),
      { ...management, limitRules: limitRules.policies },
    ),
    guard(
      UsageService,
      accessRules.usage,
      authenticator,
      usageService({
        usage: usageStore,
        store,
        rights,
        pageTokenKeys: peppers.deriveKeys("patwarden page token"),
        subjectTypes: config.subjects,
      }),
      { ...management, limitRules: limitRules.usage },
    ),
  ];
  const described = [...servicesFor(authenticator), health.implementation];
  const implementations = config.reflection ? [...described, ...reflection(described)] : described;

  await Promise.all([openfga.start(), revocation.start()]);
  if (config.tokenCache.leaseMs > 0 && !revocation.hinted()) {
    log.warn(
      "no notifications of the database are heard (a pooler, or database.listen_url does not answer?): a change takes up to a renewal",
    );
  }
  const watch = setInterval(() => void lookAtDatabase(), vitalsIntervalMs).unref();
  await lookAtDatabase();
  const sweep = setInterval(() => void sweepAll(), sweepIntervalMs).unref();
  const onEnd = (call: CallContext, error: StatusError | undefined): void => {
    metrics.rpcEnded(call.method, error?.code ?? "OK", performance.now() - call.startTime);
    logCall(log, call, error);
  };
  const onDefect = (error: unknown): void => log.error({ error }, "a route failed");
  const { oauth, leaks } = config.doors;
  const exchange = oauth?.exchange && composeExchange(oauth.issuer, oauth.exchange);
  await exchange?.keys.start();
  const trustedProxies = config.publicHttp?.trustedProxies ?? [];
  const leakStore = createLeakStore(database);
  const now = () => clock.now();
  const notifier =
    leaks &&
    new LeakNotifier({
      store: leakStore,
      tell: leaks.webhook ? createWebhook({ ...leaks.webhook, now }) : tellLog(log),
      log,
      now,
    });
  const doors = openDoors({
    config: config.doors,
    authorizer,
    permissions,
    model,
    subjectTypes: config.subjects,
    serviceKeys,
    serviceCertificates,
    clock,
    async revoke(secret, by) {
      const changing = { store, clock, rights };
      if ("address" in by) await revokeItself({ ...changing, tokens }, secret, by.address, "REQUESTED");
      else await revokeBySecret({ ...changing, brand: config.tokens.brand, peppers }, by, secret, "REQUESTED");
      await revocation.confirm(performance.now() + doorDeadlineMs);
    },
    exchange: exchange?.door,
    certificatesAsked: config.http.tls?.clientCa !== undefined,
    async reportFound(found, reporter, from) {
      const { brand } = config.tokens;
      const notifyOnly = leaks?.notifyOnly ?? [];
      const reported = { store, leaks: leakStore, brand, peppers, clock, notifyOnly };
      const deadline = performance.now() + leakDeadlineMs;
      const ours = await reportLeaks(reported, found, { reporter, from: from?.toString() });
      if (!ours.includes(true)) return ours;
      notifier?.wake();
      // Also when all of it had ended before: an earlier report may have been cut off before this.
      await revocation.confirm(deadline);
      return ours;
    },
    selfLimit,
    trustedProxies,
    onAnswer: metrics.doorAnswered,
    onProblem: (door, problem) => log.warn({ door, problem }, "a door could not answer"),
    onDefect,
  });
  const connect = connectRoutes(implementations, { onEnd, onDefect });
  const metricsServer = await createMetricsServer(config.metrics, metrics.registry);
  const grpc = await startGrpcListener({
    ...listener(config.grpc),
    implementations: [...implementations, ...doors.services],
    onEnd,
  });
  const http = await startHttpListener({
    ...listener(config.http),
    routes: [...probes(() => vitals.snapshot()), ...doors.routes],
    rpc: connect,
    onDefect,
  });
  const publicHttp =
    config.publicHttp &&
    (await startHttpListener({
      ...listener(config.publicHttp),
      routes: [livez, ...doors.publicRoutes],
      rpc: connectRoutes(
        servicesFor(createPublicAuthenticator(people)).filter(({ service }) =>
          publicServices.includes(service.typeName),
        ),
        { onEnd, onDefect, addressOf: (request) => clientAddress(request, trustedProxies)?.toString() },
      ),
      cors: allowOrigins(config.publicHttp.origins),
      onDefect,
    }));
  sealer.start();
  notifier?.start();
  retention.start();
  usage.start();
  const unused = setInterval(() => void revokeUnusedTokens(), unusedIntervalMs).unref();
  void revokeUnusedTokens();
  health.set("", true);
  for (const name of managementServices) health.set(name, true);
  metrics.configured(configHash(config));
  const addresses = { grpc: grpc.address, http: http.address, metrics: metricsServer.address };
  log.info({ ...addresses, ...(publicHttp && { public_http: publicHttp.address }) }, "listening");

  let current = config;
  return {
    ...addresses,
    publicHttp: publicHttp?.address,
    async reload(next) {
      const { modelId } = next.openfga;
      if (modelId !== openfga.modelId) {
        const found = await openfga.pin(modelId);
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
    async stop() {
      log.info("draining");
      health.drain();
      vitals.report("database", { ok: false, problem: "shutting down" });
      clearInterval(watch);
      clearInterval(sweep);
      clearInterval(unused);
      await sleep(config.drainDelayMs);
      health.close();
      await Promise.all([grpc, http, publicHttp].map((port) => port?.drain(config.graceMs)));
      await usage.stop();
      openfga.close();
      client.close();
      await Promise.all([sealer.stop(), retention.stop(), notifier?.stop()]);
      await revocation.stop();
      await metricsServer.close();
      log.info("stopped");
    },
  };

  /** JWTs for tokens, and the keys that sign them. */
  function composeExchange(issuer: string, settings: ExchangeConfig): { keys: SigningKeys; door: TokenExchange } {
    const keys = new SigningKeys({
      store: createSigningKeyStore(database),
      sealKeys: peppers.deriveKeys(signingKeyLabel),
      algorithm: settings.algorithm,
      issuer,
      clock,
      monotonicMs: () => performance.now(),
      onFailure: (error) => log.warn({ error }, "the signing keys could not be read"),
    });
    const options: ExchangeTokenOptions = {
      ...settings,
      issuer,
      tokens,
      store,
      permissions,
      memberRelation: config.relations.member,
      clock,
      sign: (claims) => keys.sign(claims),
      onUse: (token) => usage.used(token, undefined),
      onSuperseded: (reused) => reuse.notice(reused),
    };
    return {
      keys,
      door: {
        exchange: (caller, request) => exchangeToken(options, caller, request),
        publishedKeys: () => keys.published(),
        made: (text) => keys.made(text),
      },
    };
  }

  /** What has to be done now and then, by any replica. */
  async function sweepAll(): Promise<void> {
    const ago = (ms: number): Date => new Date(clock.now().getTime() - ms);
    const done = async (what: string, job: Promise<unknown>): Promise<void> => {
      await job.catch((error: unknown) => log.warn({ error, what }, "could not be swept; trying again in a minute"));
    };
    // Secrets are kept for repeats of a call no longer than promised, and changes no longer than somebody may be behind.
    await done("remembered requests", store.sweepRequests(ago(10 * 60_000), ago(24 * 3_600_000)));
    await done("changes", revocationStore.trim(epochsKept));
    if (exchange) await done("signing keys", exchange.keys.sweep());
  }

  async function revokeUnusedTokens(): Promise<void> {
    // Every token would look unused where uses are not recorded.
    if (!config.usage.lastUse) return;
    await revokeUnused({ policies, store, clock }).catch((error: unknown) => {
      log.warn({ error }, "could not revoke unused tokens; trying again in ten minutes");
    });
  }

  /** Throws with what to do next. */
  async function verifySchema(): Promise<void> {
    if (await schemaIsCurrent(database)) return;
    throw new Error("the database schema is not that of this version; run `patwarden migrate` first");
  }

  /** Expiry is judged by our clock, and replicas must agree about it. */
  async function verifyClock(): Promise<void> {
    const before = clock.now().getTime();
    const theirs = (await databaseTime(database)).getTime();
    const after = clock.now().getTime();
    if (theirs < before - maxClockOffsetMs || theirs > after + maxClockOffsetMs) {
      throw new Error("the clocks of this machine and the database's differ by more than a second; synchronize them");
    }
  }

  async function lookAtDatabase(): Promise<void> {
    try {
      await verifySchema();
      await verifyClock();
      vitals.report("database", { ok: true });
    } catch (error) {
      vitals.report("database", { ok: false, problem: error instanceof Error ? error.message : "failed" });
    }
  }

  /** Otherwise people would get a silent NOT_PERMITTED for ever. */
  function reportSubjectTypes(): void {
    for (const kind of ["user", "organization"] as const) {
      const type = config.subjects[kind];
      const problem = `the authorization model admits type ${type} nowhere directly: tokens of ${kind}s are refused`;
      vitals.report(`model_${kind}`, openfga.model().admits(type) ? { ok: true } : { ok: false, problem });
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

/** What was made for the key as it is now; made anew when that has changed. */
function currentFor<T>(key: () => string, make: (key: string) => T): () => T {
  let made: { readonly key: string; readonly value: T } | undefined;
  return () => {
    const now = key();
    if (made?.key !== now) made = { key: now, value: make(now) };
    return made.value;
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
function logCall(log: Logger, call: CallContext, error: StatusError | undefined): void {
  // Most calls are read calls that end well: nothing of them may cost.
  if (!error && reading.test(call.method)) return;
  const facts = { method: call.method, peer: call.peer, transport: call.transport, requestId: call.requestId };
  if (!error) {
    log.info(facts, "call");
    return;
  }
  const level = error.code === "INTERNAL" ? "error" : error.code === "UNAVAILABLE" ? "warn" : "debug";
  log[level](
    { ...facts, code: error.code, reason: error.reason, ...(error.cause !== undefined && { error: error.cause }) },
    "call failed",
  );
}
