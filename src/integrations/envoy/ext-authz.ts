import { create } from "@bufbuild/protobuf";
import {
  Authorization,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
  type HttpRequest,
} from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { hasPermission } from "../../callers/authorize.js";
import type { ServiceCaller } from "../../callers/caller.js";
import type { Services } from "../../callers/services.js";
import { Failure } from "../../domain/errors.js";
import { parseAction, parseResource } from "../../domain/identifier.js";
import { peerAddress } from "../../domain/network.js";
import { type CallContext, type Implementation, implement } from "../../transport/service.js";
import { addressBehind } from "../shared/client-address.js";
import { readCredential } from "../shared/credential.js";
import type { Gate, GateAnswer } from "../shared/gate.js";
import { preflightFor } from "../shared/preflight.js";
import { type ProxyReply, replyOf } from "../shared/proxy-reply.js";
import type { RawHeaders } from "../shared/raw-headers.js";
import { readPath } from "../shared/request-path.js";
import type { Mapping, RouteTable } from "../shared/route-table.js";

export interface ExtAuthzOptions {
  readonly services: Pick<Services, "find">;
  readonly gate: Pick<Gate, "ask">;
  readonly routes: RouteTable;
  /** Whether the password of Basic is a credential. */
  readonly basic: boolean;
  /** CIDR ranges of the proxies in front of Envoy. */
  readonly trustedProxies: readonly string[];
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer?: (answer: GateAnswer) => void;
}

/** Before the filter's own time is over, milliseconds: what comes later is not heard. */
const marginMs = 50;
/** Where Envoy names no deadline. */
const longestMs = 400;

/**
 * Envoy's external authorization, v3. Envoy forwards whatever comes back with status code 0, also an empty message; so
 * a reply is made by `allow` and `deny` alone, and all that goes wrong is a reply too: a gRPC error would let requests
 * through where `failure_mode_allow` is set, and a denial never may. Only an unknown proxy gets a gRPC error,
 * UNAUTHENTICATED.
 */
export function extAuthz(options: ExtAuthzOptions): Implementation {
  return implement(Authorization, {
    async check(request, call) {
      const proxy = options.services.find(call.header("authorization"), () => call.clientName);
      if (!proxy) throw new Failure("CALLER_UNAUTHENTICATED");
      if (!hasPermission(proxy, "check")) throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "check" } });
      const answer = await ask(options, proxy, request, call);
      options.onAnswer?.(answer);
      return responseOf(answer);
    },
  });
}

async function ask(
  { gate, routes, basic, trustedProxies }: ExtAuthzOptions,
  proxy: ServiceCaller,
  request: CheckRequest,
  call: CallContext,
): Promise<GateAnswer> {
  const { attributes } = request;
  const http = attributes?.request?.http;
  if (!http) return { kind: "no-mapping" };
  const headers = headersOf(http);
  const deadline =
    Math.min(call.deadline ?? Number.POSITIVE_INFINITY, call.startTime + longestMs + marginMs) - marginMs;
  const asked = {
    proxy,
    credential: headers ? readCredential(headers, { basic }) : ({ kind: "ambiguous" } as const),
    mapping: mappingOf(attributes.contextExtensions, http, routes),
    preflight: isAdmittedPreflight(attributes.contextExtensions, http, headers ?? [], routes),
    address: addressBehind(
      peerAddress(attributes.source?.address?.socketAddress?.address),
      () => headers ?? [],
      trustedProxies,
    ),
  };
  return gate.ask(asked, {
    deadline,
    get cancelled() {
      return call.cancelled;
    },
  });
}

/**
 * Reads either encoding. Returns undefined when a header that may hold a credential is no text, or when both encodings
 * are there.
 */
function headersOf({ headers, headerMap }: HttpRequest): RawHeaders | undefined {
  const joined = Object.entries(headers);
  if (!headerMap) return joined;
  if (joined.length > 0) return undefined;
  return headerMap.headers.map(({ key, value, rawValue }) => [
    key.toLowerCase(),
    rawValue.length > 0 ? Buffer.from(rawValue).toString("latin1") : value,
  ]);
}

/**
 * By the route's own settings, `resource` or `resource_type` with the path's last segment, and `action`; else by the
 * table.
 */
function mappingOf(
  extensions: Readonly<Record<string, string>>,
  { method, host, path }: HttpRequest,
  routes: RouteTable,
): Mapping | undefined {
  const { resource, resource_type: type, action } = extensions;
  if (!saysItself(extensions)) return routes.map({ method, host, target: path });
  const plain = readPath(path);
  const last = plain && !plain.hasSemicolon && !plain.endsInSlash ? plain.segments.at(-1) : undefined;
  const name = parseResource(resource ?? (last === undefined ? "" : `${type}:${last}`));
  const named = parseAction(action ?? "");
  // Also where the resource is fixed: a path that is read in two ways is no request of this route.
  return plain && name.ok && named.ok ? { resource: name.value, action: named.value } : undefined;
}

/** Whether the route says itself what it needs. */
function saysItself({ resource, resource_type: type, action }: Readonly<Record<string, string>>): boolean {
  return resource !== undefined || type !== undefined || action !== undefined;
}

/** By the route's own setting `preflights: "true"` where it has settings; else by the table. */
function isAdmittedPreflight(
  extensions: Readonly<Record<string, string>>,
  { method, host, path }: HttpRequest,
  headers: RawHeaders,
  routes: RouteTable,
): boolean {
  const wanted = preflightFor(method, headers);
  if (wanted === undefined) return false;
  if (saysItself(extensions)) return extensions["preflights"] === "true" && readPath(path) !== undefined;
  return routes.admitsPreflight({ method: wanted, host, target: path });
}

function responseOf(answer: GateAnswer): CheckResponse {
  const { status, headers } = replyOf(answer);
  if (answer.kind === "allow" || answer.kind === "preflight") return allow(headers);
  return answer.kind === "undecided" ? fail(status, headers) : deny(status, headers);
}

/** Numbers of google.rpc.Code. Envoy looks at nothing else but whether it is 0. */
const codes = { ok: 0, permissionDenied: 7, unavailable: 14 } as const;

type Headers = ProxyReply["headers"];

/**
 * Every identity header without an append action, so that what the bearer sent under its name is replaced; the
 * credential stays here.
 */
function allow(headers: Headers): CheckResponse {
  return create(CheckResponseSchema, {
    status: { code: codes.ok },
    httpResponse: {
      case: "okResponse",
      value: { headers: headers.map(option), headersToRemove: ["authorization", "x-api-key"] },
    },
  });
}

function deny(status: number, headers: Headers): CheckResponse {
  return create(CheckResponseSchema, {
    status: { code: codes.permissionDenied },
    httpResponse: { case: "deniedResponse", value: { status: { code: status }, headers: headers.map(option) } },
  });
}

/** No decision: a status of its own, which Envoy forwards in spite of only where it was told to. */
function fail(status: number, headers: Headers): CheckResponse {
  return create(CheckResponseSchema, {
    status: { code: codes.unavailable },
    httpResponse: { case: "errorResponse", value: { status: { code: status }, headers: headers.map(option) } },
  });
}

function option([key, value]: Headers[number]) {
  return { header: { key, value } };
}
