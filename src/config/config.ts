import type { ServiceCaller } from "../callers/caller.js";
import type { Limits } from "../callers/limits.js";
import type { IssuerConfig } from "../callers/oidc/access-token.js";
import type { ConfiguredCaller } from "../callers/service-keys.js";
import type { HostPort } from "../domain/host-port.js";
import type { ActionName, SubjectTypes } from "../domain/identifier.js";
import type { Pepper } from "../domain/pepper.js";
import type { Limit } from "../domain/rate-limiter.js";
import type { IntegrationsConfig, ProxyConfig } from "../integrations/integrations.js";
import type { RouteRule } from "../integrations/shared/route-table.js";
import type { ConditionParameters } from "../openfga/condition-context.js";
import type { DatabaseAddress } from "./database-address.js";
import type { ConfigFile, logLevels } from "./schema.js";

/** A port to open. Without TLS it is plaintext on purpose, or loopback. */
export interface Listener {
  readonly listen: HostPort;
  readonly tls?: ListenerTls;
}

export interface PublicListener extends Listener {
  /** As browsers send them in `Origin`. */
  readonly origins: readonly string[];
  /** CIDR ranges. */
  readonly trustedProxies: readonly string[];
}

/** PEM texts. */
export interface ListenerTls {
  readonly cert: string;
  readonly key: string;
  /** When present, every client needs a certificate of these authorities. */
  readonly clientCa?: string;
}

export interface DatabaseConfig {
  readonly address: DatabaseAddress;
  readonly listenAddress?: DatabaseAddress;
  readonly maxConnections: number;
  readonly prepare: boolean;
}

export interface OpenFgaConfig {
  readonly addresses: readonly HostPort[];
  readonly tls: boolean;
  readonly auth?: { readonly preshared: string };
  readonly storeId: string;
  readonly modelId: string;
  readonly timeoutMs: number;
  readonly maxBatch: number;
  readonly maxStalenessMs: number;
  readonly listDeadlineMs: number;
  readonly context: ConditionParameters;
}

/** What `migrate` needs. */
export interface MigrationConfig {
  readonly log: { readonly level: (typeof logLevels)[number] };
  readonly database: DatabaseConfig;
}

/** The checked configuration: meaning, limits and defaults of every value stand in schema.ts. */
export interface Config extends MigrationConfig {
  readonly grpc: Listener;
  readonly http: Listener;
  /** Undefined: closed. */
  readonly publicHttp: PublicListener | undefined;
  readonly metrics: { readonly listen: HostPort };
  readonly openfga: OpenFgaConfig;
  readonly tokenCache: {
    readonly maxBytes: number;
    /** 0: nothing is cached. */
    readonly leaseMs: number;
  };
  readonly tokens: {
    readonly brand: string;
    readonly defaultLifetimeMs: number;
    readonly peppers: readonly Pepper[];
  };
  readonly subjects: SubjectTypes;
  /** Relations on an organization. */
  readonly relations: Readonly<Record<"member" | "read" | "create" | "approve" | "revoke" | "policy", ActionName>>;
  readonly callers: readonly ConfiguredCaller[];
  readonly issuers: readonly IssuerConfig[];
  /** Of callers, and `self`: of `GET /v1/self` by one address. */
  readonly limits: Limits & { readonly self?: Limit };
  readonly usage: { readonly flushIntervalMs: number; readonly lastUse: boolean };
  /** `retentionMs` is absent where everything is kept. */
  readonly audit: { readonly retentionMs?: number };
  readonly integrations: IntegrationsConfig;
  readonly dangerouslyDisableCallerAuthentication: boolean;
  readonly reflection: boolean;
  readonly drainDelayMs: number;
  readonly graceMs: number;
}

/** Gives the values of the file the names and units that the program uses. */
export function configOf(file: ConfigFile): Config {
  const { openfga, tokens, subjects } = file;
  return {
    ...migrationConfigOf(file),
    grpc: listenerOf(file.grpc),
    http: listenerOf(file.http),
    publicHttp: file.public_http && publicListenerOf(file.public_http),
    metrics: { listen: file.metrics.listen },
    openfga: {
      addresses: openfga.addresses,
      tls: openfga.tls,
      ...(openfga.auth && { auth: openfga.auth }),
      storeId: openfga.store_id,
      modelId: openfga.model_id,
      timeoutMs: openfga.timeout,
      maxBatch: openfga.max_batch,
      maxStalenessMs: openfga.max_staleness,
      listDeadlineMs: openfga.list_deadline,
      // In one order, whatever that of the file.
      context: Object.fromEntries(Object.entries(openfga.context).toSorted()),
    },
    tokenCache: { maxBytes: file.token_cache.max_bytes, leaseMs: file.token_cache.lease },
    tokens: { brand: tokens.brand, defaultLifetimeMs: tokens.default_lifetime, peppers: tokens.peppers },
    subjects: { user: subjects.user_type, organization: subjects.organization_type },
    // The schema admits nothing but names of relations.
    relations: { member: subjects.member_relation, ...subjects.relations } as Config["relations"],
    callers: file.callers.map(callerOf),
    issuers: file.issuers.map(issuerOf),
    limits: limitsOf(file.limits),
    usage: { flushIntervalMs: file.usage.flush_interval, lastUse: file.usage.last_use },
    audit: file.audit.retention === undefined ? {} : { retentionMs: file.audit.retention },
    integrations: integrationsOf(file.integrations),
    dangerouslyDisableCallerAuthentication: file.dangerously_disable_caller_authentication,
    reflection: file.reflection,
    drainDelayMs: file.drain_delay,
    graceMs: file.grace,
  };
}

export function migrationConfigOf({ log, database }: Pick<ConfigFile, "log" | "database">): MigrationConfig {
  return {
    log,
    database: {
      address: database.url,
      ...(database.listen_url !== undefined && { listenAddress: database.listen_url }),
      maxConnections: database.max_connections,
      prepare: database.prepare,
    },
  };
}

function listenerOf({ listen, tls }: ConfigFile["grpc"]): Listener {
  if (!tls) return { listen };
  return { listen, tls: { cert: tls.cert, key: tls.key, ...(tls.client_ca && { clientCa: tls.client_ca }) } };
}

function publicListenerOf(file: NonNullable<ConfigFile["public_http"]>): PublicListener {
  return { ...listenerOf(file), origins: file.origins, trustedProxies: file.trusted_proxies };
}

function leaksOf(file: ConfigFile["integrations"]["leaks"]): Pick<IntegrationsConfig, "leaks"> {
  const { report, github, gitlab, notify_only, webhook } = file;
  if (!report && !github.enabled && !gitlab.enabled) return {};
  return {
    leaks: {
      report,
      providers: {
        ...(github.enabled && {
          github: { keysUrl: github.keys_url, ...(github.token !== undefined && { token: github.token }) },
        }),
        // The schema demands the address where it is enabled.
        ...(gitlab.enabled && { gitlab: { keysUrl: gitlab.keys_url ?? "" } }),
      },
      notifyOnly: notify_only,
      ...(webhook && { webhook }),
    },
  };
}

function callerOf(entry: ConfigFile["callers"][number]): ConfiguredCaller {
  const caller: ServiceCaller = {
    kind: "service",
    name: entry.name,
    permissions: new Set(entry.permissions),
    ...(entry.subjects && { subjects: entry.subjects }),
    ...(entry.max_lifetime !== undefined && { maxLifetimeMs: entry.max_lifetime }),
    ...(entry.max_grant && { maxGrant: entry.max_grant }),
    ...(entry.exchange_audiences && { exchangeAudiences: entry.exchange_audiences }),
    ...(entry.max_cache !== undefined && { maxCacheMs: entry.max_cache }),
  };
  return { caller, keySha256: entry.key_sha256 ?? [], certificates: entry.certificates ?? [] };
}

/** So many calls in each period; undefined for none, which sets no limit. */
function limitOf(calls: number, periodMs: number, burst = calls): Limit | undefined {
  return calls === 0 ? undefined : { burst, intervalMs: periodMs / calls };
}

function limitsOf(file: ConfigFile["limits"]): Config["limits"] {
  const creations = limitOf(file.creations_per_hour, 3_600_000);
  const revocations = limitOf(file.revocations_per_minute, 60_000, file.revocations_burst);
  const lists = limitOf(file.lists_per_second, 1_000);
  const self = limitOf(file.self_per_minute, 60_000);
  return {
    ...(creations && { creations }),
    ...(revocations && { revocations }),
    ...(lists && { lists }),
    ...(self && { self }),
  };
}

function integrationsOf({
  routes,
  authzen,
  oauth,
  ext_authz,
  forward_auth,
  leaks,
}: ConfigFile["integrations"]): IntegrationsConfig {
  const publicRevocation = oauth.public_revocation && limitOf(oauth.public_revocations_per_minute, 60_000);
  const { audiences, lifetime, algorithm } = oauth.exchange;
  return {
    routes: routes.map(routeOf),
    // The schema demands identifier and issuer where their integrations are open.
    ...(authzen.enabled && { authZen: { identifier: authzen.identifier ?? "", ...perSecond(authzen) } }),
    ...(oauth.enabled && {
      oauth: {
        issuer: oauth.issuer ?? "",
        maxCacheMs: oauth.max_cache,
        ...(audiences.length > 0 && { exchange: { audiences, lifetimeMs: lifetime, algorithm } }),
        ...(publicRevocation && { publicRevocation }),
        ...perSecond(oauth),
      },
    }),
    ...(ext_authz.enabled && { extAuthz: proxyIntegrationOf(ext_authz) }),
    ...leaksOf(leaks),
    ...(forward_auth.enabled && { forwardAuth: proxyIntegrationOf(forward_auth) }),
  };
}

function perSecond({ max_per_second }: { readonly max_per_second: number }): { readonly limit?: Limit } {
  const limit = limitOf(max_per_second, 1_000);
  return limit ? { limit } : {};
}

function proxyIntegrationOf(integration: ConfigFile["integrations"]["forward_auth"]): ProxyConfig {
  return { basic: integration.basic, trustedProxies: integration.trusted_proxies, ...perSecond(integration) };
}

function routeOf(entry: ConfigFile["integrations"]["routes"][number]): RouteRule {
  return {
    ...(entry.host !== undefined && { host: entry.host }),
    ...(entry.method !== undefined && { method: entry.method }),
    path: entry.path,
    resource: entry.resource,
    action: entry.action as ActionName, // the schema admits nothing but names of relations
    semicolons: entry.semicolons,
    preflights: entry.preflights,
  };
}

function issuerOf(entry: ConfigFile["issuers"][number]): IssuerConfig {
  return {
    issuer: entry.issuer,
    audiences: entry.audiences,
    audienceClaim: entry.audience_claim,
    requiredClaims: entry.required_claims,
    allowNonce: entry.allow_nonce,
    subject: entry.subject,
    algorithms: entry.algorithms,
    requiredScopes: entry.required_scopes,
    clients: entry.clients,
    types: entry.types,
    ...(entry.admin && { admin: entry.admin }),
    cacheMaxAgeMs: entry.cache_max_age,
    maxLifetimeMs: entry.max_lifetime,
  };
}
