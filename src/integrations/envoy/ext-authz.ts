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
import { type CallContext, type Implementation, implement, methodName } from "../../transport/service.js";
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

/** The path of Envoy's question. */
export const extAuthzPath = `/${methodName(Authorization.method.check)}`;

/** Milliseconds before the timeout of Envoy's filter, which ignores later replies. */
const marginMs = 50;
/** The longest time for a decision, milliseconds, also when Envoy sends no deadline. */
const longestMs = 400;

/**
 * Returns Envoy's external authorization service, v3. Envoy forwards a request on any reply with status code 0, even an
 * empty message. So only `allow`, `deny` and `fail` make replies, and errors are replies too: a gRPC error would let
 * requests pass where `failure_mode_allow` is set, and a denial must never do that. Only an unknown proxy gets a gRPC
 * error (UNAUTHENTICATED), and a proxy without the permission `check` (PERMISSION_DENIED).
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

/** Reads headers in either encoding. Returns undefined when both encodings are there. */
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
 * Maps a request by the settings of its Envoy route: `resource`, or `resource_type` with the last segment of the path,
 * and `action`. Without such settings, the route table maps it.
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
  // Also when the resource is fixed: a path that can be read in two ways is refused.
  return plain && name.ok && named.ok ? { resource: name.value, action: named.value } : undefined;
}

/** Returns whether the Envoy route has settings of its own. */
function saysItself({ resource, resource_type: type, action }: Readonly<Record<string, string>>): boolean {
  return resource !== undefined || type !== undefined || action !== undefined;
}

/**
 * Returns whether a preflight passes: by `preflights: "true"` if the route has settings, otherwise by the route table.
 */
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

/** Numbers of google.rpc.Code. Envoy only checks whether the code is 0. */
const codes = { ok: 0, permissionDenied: 7, unavailable: 14 } as const;

type Headers = ProxyReply["headers"];

/**
 * Returns a reply that lets a request pass. Identity headers have no append action, so that they replace headers of the
 * bearer with the same names. The credential is removed.
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

/** Returns a reply without a decision. Envoy then forwards the request only if it is configured to. */
function fail(status: number, headers: Headers): CheckResponse {
  return create(CheckResponseSchema, {
    status: { code: codes.unavailable },
    httpResponse: { case: "errorResponse", value: { status: { code: status }, headers: headers.map(option) } },
  });
}

function option([key, value]: Headers[number]) {
  return { header: { key, value } };
}
