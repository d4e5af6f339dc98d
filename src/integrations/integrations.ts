import type { Services } from "../callers/services.js";
import type { Authorizer } from "../check/decision.js";
import type { Clock } from "../domain/clock.js";
import type { SubjectTypes } from "../domain/identifier.js";
import type { AuthorizationModel, PermissionChecker } from "../domain/permission-checker.js";
import { type Limit, RateLimiter } from "../domain/rate-limiter.js";
import type { SigningAlgorithm } from "../exchange/signing-key-store.js";
import type { Route } from "../transport/route.js";
import type { Implementation } from "../transport/service.js";
import { authZenRoutes } from "./authzen/authzen-routes.js";
import { extAuthz, extAuthzPath } from "./envoy/ext-authz.js";
import { forwardAuthRoutes } from "./forward-auth.js";
import type { TokenExchange } from "./oauth/exchange.js";
import { oauthRoutes, type Revoke } from "./oauth/oauth-routes.js";
import { type LeaksConfig, type PublicIntegrationsOptions, publicIntegrations } from "./public.js";
import { Gate, type GateAnswer } from "./shared/gate.js";
import { type RouteRule, RouteTable } from "./shared/route-table.js";

/** The enabled integrations and their settings. An absent integration is disabled. */
export interface IntegrationsConfig {
  readonly routes: readonly RouteRule[];
  readonly forwardAuth?: ProxyConfig;
  readonly extAuthz?: ProxyConfig;
  readonly authZen?: { readonly identifier: string } & Limited;
  readonly oauth?: {
    readonly issuer: string;
    readonly maxCacheMs: number;
    /** How fast one address may revoke without a caller's credential. Absent: not at all. */
    readonly publicRevocation?: Limit;
    readonly exchange?: ExchangeConfig;
  } & Limited;
  readonly leaks?: LeaksConfig;
}

/** The audiences, the lifetime and the algorithm of JWTs that tokens are exchanged for. */
export interface ExchangeConfig {
  /** 1 to 20. */
  readonly audiences: readonly string[];
  readonly lifetimeMs: number;
  readonly algorithm: SigningAlgorithm;
}

/** Settings of an integration that proxies ask about each request. */
export interface ProxyConfig extends Limited {
  /** Whether the password of Basic is a credential. */
  readonly basic: boolean;
  /** CIDR ranges of the proxies in front of the one that asks. */
  readonly trustedProxies: readonly string[];
}

interface Limited {
  /** How fast one caller may ask. Absent: no limit. */
  readonly limit?: Limit;
}

export interface IntegrationsOptions extends PublicIntegrationsOptions {
  readonly services: Services;
  readonly config: IntegrationsConfig;
  readonly authorizer: Authorizer;
  readonly permissions: PermissionChecker;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly subjectTypes: SubjectTypes;
  readonly clock: Clock;
  /** Revokes the token of a secret on every replica, if the secret is ours and the token has not ended. */
  readonly revoke: Revoke;
  /** Undefined when token exchange is disabled. */
  readonly exchange: TokenExchange | undefined;
  /** Whether the HTTP port asks its clients for certificates. */
  readonly certificatesAsked: boolean;
}

/** The routes and services besides the API. */
export interface Integrations {
  readonly routes: readonly Route[];
  /** The routes that are open to anybody, without a service key. */
  readonly publicRoutes: readonly Route[];
  /** For the gRPC port. */
  readonly services: readonly Implementation[];
  /** Why methods of the gRPC port are not there, by path. */
  readonly hints: ReadonlyMap<string, string>;
}

export function createIntegrations(options: IntegrationsOptions): Integrations {
  const { config, authorizer, model, services, onAnswer, onProblem } = options;
  const { forwardAuth, extAuthz: envoy, authZen, oauth } = config;
  const routes = new RouteTable(config.routes);
  const limiterOf = (limit: Limit | undefined): RateLimiter | undefined =>
    limit && new RateLimiter({ limit, monotonicMs: () => performance.now() });
  const ofProxies = ({ limit, basic, trustedProxies }: ProxyConfig) => ({
    gate: new Gate({ authorizer, model, limiter: limiterOf(limit) }),
    basic,
    trustedProxies,
    routes,
    services,
  });
  const ofProxy = (integration: string, answer: GateAnswer | { readonly kind: "proxy-unauthenticated" }): void => {
    onAnswer(integration, answer.kind);
    if (answer.kind === "undecided") onProblem(integration, answer.failure.reason);
    if (answer.kind === "proxy-unauthenticated")
      onProblem(integration, "a proxy asked without a valid service key or client certificate");
  };
  const opened: (readonly Route[])[] = [];
  if (forwardAuth) opened.push(forwardAuthRoutes({ ...ofProxies(forwardAuth), onAnswer: ofProxy }));
  if (authZen) {
    const { identifier, limit } = authZen;
    const told = (answer: string): void => onAnswer("authzen", answer);
    opened.push(authZenRoutes({ ...options, identifier, limiter: limiterOf(limit), routes, onAnswer: told }));
  }
  const forAnybody = publicIntegrations(options);
  const ofOAuth = oauth
    ? oauthRoutes({
        ...options,
        limiter: limiterOf(oauth.limit),
        publicRevocations: limiterOf(oauth.publicRevocation),
        settings: oauth,
        onAnswer: (endpoint, answer) => onAnswer(`oauth-${endpoint}`, answer),
      })
    : [];
  return {
    routes: [...opened.flat(), ...ofOAuth, ...forAnybody],
    // The POST routes of OAuth need a caller, its documents do not.
    publicRoutes: [...ofOAuth.filter(({ method }) => method === "GET"), ...forAnybody],
    services: envoy ? [extAuthz({ ...ofProxies(envoy), onAnswer: (answer) => ofProxy("ext-authz", answer) })] : [],
    hints: new Map(envoy ? [] : [[extAuthzPath, "integrations.ext_authz is not enabled"]]),
  };
}
