import type { ServiceCaller } from "../access/caller.js";
import type { ServiceKeys } from "../access/service-keys.js";
import type { Authorizer } from "../check/authorizer.js";
import type { Clock } from "../check/clock.js";
import type { Route } from "../http/route.js";
import type { SubjectTypes } from "../identifier/identifier.js";
import type { AuthorizationModel, PermissionChecker } from "../openfga/permission-checker.js";
import type { Implementation } from "../rpc/service.js";
import type { SigningAlgorithm } from "../store/signing-key-store.js";
import { authZenRoutes } from "./authzen/authzen-routes.js";
import { extAuthz } from "./ext-authz.js";
import { forwardAuthRoutes } from "./forward-auth.js";
import { Gate, type GateAnswer } from "./gate.js";
import type { TokenExchange } from "./oauth/exchange.js";
import { oauthRoutes } from "./oauth/oauth-routes.js";
import { type RouteRule, RouteTable } from "./route-table.js";

/** Which doors are open, and how; what is absent is closed. */
export interface DoorsConfig {
  readonly routes: readonly RouteRule[];
  readonly forwardAuth?: { readonly basic: boolean };
  readonly extAuthz?: { readonly basic: boolean };
  readonly authZen?: { readonly identifier: string };
  readonly oauth?: { readonly issuer: string; readonly maxCacheMs: number; readonly exchange?: ExchangeConfig };
}

/** For what, how long and by which kind of key JWTs are made of tokens. */
export interface ExchangeConfig {
  /** 1 to 20. */
  readonly audiences: readonly string[];
  readonly lifetimeMs: number;
  readonly algorithm: SigningAlgorithm;
}

export interface DoorsOptions {
  readonly config: DoorsConfig;
  readonly authorizer: Authorizer;
  readonly permissions: PermissionChecker;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly subjectTypes: SubjectTypes;
  readonly serviceKeys: Pick<ServiceKeys, "find">;
  readonly clock: Clock;
  /** Ends the token of a secret, if it is one of ours and lives, on every replica. */
  readonly revoke: (secret: string, caller: ServiceCaller) => Promise<void>;
  /** Absent: exchange is closed. */
  readonly exchange: TokenExchange | undefined;
  /** Told of each answer of a door. Must not wait and not throw. */
  readonly onAnswer: (door: string, answer: string) => void;
  /** Told of what an operator should look at. Must not wait and not throw. */
  readonly onProblem: (door: string, problem: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/** What is served besides the API. */
export interface Doors {
  readonly routes: readonly Route[];
  /** For the gRPC port. */
  readonly services: readonly Implementation[];
}

export function openDoors(options: DoorsOptions): Doors {
  const { config, authorizer, model, serviceKeys, onAnswer, onProblem } = options;
  const { forwardAuth, extAuthz: envoy, authZen, oauth } = config;
  const routes = new RouteTable(config.routes);
  const gate = new Gate({ authorizer, model });
  const ofProxy = (door: string, answer: GateAnswer | { readonly kind: "proxy-unauthenticated" }): void => {
    onAnswer(door, answer.kind);
    if (answer.kind === "undecided") onProblem(door, answer.failure.reason);
    if (answer.kind === "proxy-unauthenticated") onProblem(door, "it was asked without a service key");
  };
  const opened: (readonly Route[])[] = [];
  if (forwardAuth) opened.push(forwardAuthRoutes({ ...forwardAuth, gate, routes, serviceKeys, onAnswer: ofProxy }));
  if (authZen) {
    opened.push(authZenRoutes({ ...options, ...authZen, routes, onAnswer: (answer) => onAnswer("authzen", answer) }));
  }
  if (oauth) {
    const told = (endpoint: string, answer: string): void => onAnswer(`oauth-${endpoint}`, answer);
    opened.push(oauthRoutes({ ...options, settings: oauth, onAnswer: told }));
  }
  return {
    routes: opened.flat(),
    services: envoy
      ? [extAuthz({ ...envoy, gate, routes, serviceKeys, onAnswer: (answer) => ofProxy("ext-authz", answer) })]
      : [],
  };
}
