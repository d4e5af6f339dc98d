import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { hasPermission } from "../callers/authorize.js";
import type { ServiceCaller } from "../callers/caller.js";
import type { Services } from "../callers/services.js";
import { clientNameOf } from "../transport/client-certificate.js";
import { type Route, send } from "../transport/route.js";
import { addressForwarded } from "./shared/client-address.js";
import { readCredential } from "./shared/credential.js";
import type { Gate, GateAnswer, GateRequest } from "./shared/gate.js";
import { preflightFor } from "./shared/preflight.js";
import { replyOf } from "./shared/proxy-reply.js";
import { isThere, type RawHeaders, rawHeadersOf, theOnly } from "./shared/raw-headers.js";
import type { RouteTable } from "./shared/route-table.js";

export type ForwardAuthIntegration = "forward-auth" | "nginx";

export interface ForwardAuthOptions {
  readonly services: Pick<Services, "withKey" | "withCertificate">;
  readonly gate: Pick<Gate, "ask">;
  readonly routes: RouteTable;
  /** Whether the password of Basic is a credential. */
  readonly basic: boolean;
  /** CIDR ranges of the proxies in front of the one that asks. */
  readonly trustedProxies: readonly string[];
  /** Called for each answer. Must not wait and not throw. `proxy-unauthenticated`: nothing was decided. */
  readonly onAnswer?: (
    integration: ForwardAuthIntegration,
    answer: GateAnswer | { readonly kind: "proxy-unauthenticated" },
  ) => void;
}

/** The longest time for a decision, milliseconds. Proxies give up soon after and reply on their own. */
const deadlineMs = 400;

/** The headers in which a proxy describes the request. Each must be there exactly once, or the request is refused. */
interface Dialect {
  readonly method: string;
  readonly host: string;
  readonly target: string;
  /** Other headers that must be there. */
  readonly besides: readonly string[];
  /**
   * Statuses that differ for this proxy. nginx passes on only 401 and 403; besides these, its integration replies only
   * with 200, 500 and 503.
   */
  readonly statuses: Readonly<Partial<Record<GateAnswer["kind"], number>>>;
}

const dialects: Readonly<Record<ForwardAuthIntegration, Dialect>> = {
  /** Traefik and Caddy. */
  "forward-auth": {
    method: "x-forwarded-method",
    host: "x-forwarded-host",
    target: "x-forwarded-uri",
    besides: ["x-forwarded-proto"],
    statuses: {},
  },
  nginx: {
    method: "x-original-method",
    host: "x-original-host",
    target: "x-original-uri",
    besides: [],
    statuses: { ambiguous: 401, limited: 503 },
  },
};

const proxyKeyHeader = "x-patwarden-proxy-key";

/**
 * Returns the routes for proxies that ask about each request with a request of their own. Only the headers of that
 * request are read. The proxy must first show its service key or client certificate (permission `check`); otherwise the
 * reply is 500, since the proxy would pass on a 401 as if the bearer were to blame.
 */
export function forwardAuthRoutes(options: ForwardAuthOptions): readonly Route[] {
  return (["forward-auth", "nginx"] as const).map((integration) => ({
    method: "*",
    path: integration === "nginx" ? "/nginx-auth" : "/forward-auth",
    handle: (request, response) => answer(options, integration, request, response),
  }));
}

async function answer(
  options: ForwardAuthOptions,
  integration: ForwardAuthIntegration,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { gate, routes, basic, trustedProxies, onAnswer } = options;
  const headers = rawHeadersOf(request);
  const proxy = proxyOf(options, headers, request.socket);
  if (!proxy || !hasPermission(proxy, "check")) {
    onAnswer?.(integration, { kind: "proxy-unauthenticated" });
    send(
      response,
      500,
      "text/plain",
      "the proxy is unknown: its X-Patwarden-Proxy-Key, or else its client certificate, must belong to a service with the permission check",
    );
    return;
  }
  const callOptions = {
    deadline: performance.now() + deadlineMs,
    get cancelled() {
      return response.destroyed;
    },
  };
  const asked = {
    proxy,
    credential: readCredential(headers, { basic }),
    ...requirementOf(headers, dialects[integration], routes),
    address: addressForwarded(headers, trustedProxies),
  };
  const given = await gate.ask(asked, callOptions);
  onAnswer?.(integration, given);
  if (response.destroyed) return;
  const { status, headers: added } = replyOf(given);
  for (const [name, value] of added) response.setHeader(name, value);
  send(response, dialects[integration].statuses[given.kind] ?? status, "text/plain", bodies[given.kind]);
}

/** Identifies the proxy by its key header if there is one, whatever the certificate says. */
function proxyOf(
  { services }: Pick<ForwardAuthOptions, "services">,
  headers: RawHeaders,
  socket: Socket,
): ServiceCaller | undefined {
  if (!isThere(headers, proxyKeyHeader)) return services.withCertificate(clientNameOf(socket));
  const key = theOnly(headers, proxyKeyHeader);
  return key === undefined ? undefined : services.withKey(key);
}

function requirementOf(
  headers: RawHeaders,
  { method, host, target, besides }: Dialect,
  routes: RouteTable,
): Pick<GateRequest, "mapping" | "preflight"> {
  const [asked, at, what] = [method, host, target].map((name) => theOnly(headers, name));
  const nothing = { mapping: undefined, preflight: false };
  if (asked === undefined || at === undefined || what === undefined) return nothing;
  if (besides.some((name) => theOnly(headers, name) === undefined)) return nothing;
  const wanted = preflightFor(asked, headers);
  return {
    mapping: routes.map({ method: asked, host: at, target: what }),
    preflight: wanted !== undefined && routes.admitsPreflight({ method: wanted, host: at, target: what }),
  };
}

/** The bodies, for people; proxies read the status. */
const bodies: Readonly<Record<GateAnswer["kind"], string>> = {
  allow: "",
  preflight: "",
  "no-credential": "unauthorized",
  ambiguous: "more than one credential",
  "invalid-token": "unauthorized",
  "not-permitted": "forbidden",
  "no-mapping": "forbidden",
  limited: "too many requests",
  undecided: "no decision could be made",
};
