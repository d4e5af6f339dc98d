import type { ServiceCaller } from "../access/caller.js";
import type { ServiceKeys } from "../access/service-keys.js";
import type { Authorizer } from "../check/authorizer.js";
import type { Clock } from "../check/clock.js";
import type { Route } from "../http/route.js";
import type { SubjectTypes } from "../identifier/identifier.js";
import type { AuthorizationModel, PermissionChecker } from "../openfga/permission-checker.js";
import type { Implementation } from "../rpc/service.js";
import { authZenRoutes } from "./authzen/authzen-routes.js";
import { extAuthz } from "./ext-authz.js";
import { forwardAuthRoutes } from "./forward-auth.js";
import { Gate, type GateAnswer } from "./gate.js";
import { oauthRoutes } from "./oauth/oauth-routes.js";
import { type LeaksConfig, openPublicDoors, type PublicDoorsOptions } from "./public-doors.js";
import { type RouteRule, RouteTable } from "./route-table.js";

/** Which doors are open, and how; what is absent is closed. */
export interface DoorsConfig {
  readonly routes: readonly RouteRule[];
  readonly forwardAuth?: { readonly basic: boolean };
  readonly extAuthz?: { readonly basic: boolean };
  readonly authZen?: { readonly identifier: string };
  readonly oauth?: { readonly issuer: string; readonly maxCacheMs: number };
  readonly leaks?: LeaksConfig;
}

export interface DoorsOptions extends PublicDoorsOptions {
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
}

/** What is served besides the API. */
export interface Doors {
  readonly routes: readonly Route[];
  /** Those of them that are for anybody: they know nobody by a service key. */
  readonly publicRoutes: readonly Route[];
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
  const forAnybody = openPublicDoors(options);
  const ofOAuth = oauth
    ? oauthRoutes({
        ...options,
        settings: oauth,
        onAnswer: (endpoint, answer) => onAnswer(`oauth-${endpoint}`, answer),
      })
    : [];
  return {
    routes: [...opened.flat(), ...ofOAuth, ...forAnybody],
    // What is posted to OAuth needs a caller, its documents do not.
    publicRoutes: [...ofOAuth.filter(({ method }) => method === "GET"), ...forAnybody],
    services: envoy
      ? [extAuthz({ ...envoy, gate, routes, serviceKeys, onAnswer: (answer) => ofProxy("ext-authz", answer) })]
      : [],
  };
}
