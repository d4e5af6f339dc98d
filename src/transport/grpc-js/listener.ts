import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import {
  type ArrivalEvents,
  type ArrivalLimits,
  Arrivals,
  defaultArrivalLimits,
  type Lateness,
  peerOf,
} from "../arrivals.js";
import type { GrpcListenerOptions, Listener, TlsKeys } from "../grpc-listener.js";
import { listenError } from "../listen-error.js";
import { type Implementation, maxConcurrentStreams, messageLimits, methodName } from "../service.js";
import { codeOf, type StatusCode } from "../status.js";
import { mountOnGrpc } from "./mount.js";

// The log lines of grpc-js are not JSON, and what they report of a port or a call also arrives as an error.
if (process.env["GRPC_VERBOSITY"] === undefined) setLogVerbosity(logVerbosity.NONE);

/** Makes clients find new replicas behind a balancer. */
const defaultMaxAgeMs = 10 * 60_000;

const serverOptions = {
  "grpc.max_receive_message_length": messageLimits.receive,
  "grpc.max_send_message_length": messageLimits.send,
  "grpc.max_concurrent_streams": maxConcurrentStreams,
  // The grace is above the longest reasonable deadline.
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_connection_idle_ms": 15 * 60_000,
  // Finds dead peers.
  "grpc.keepalive_time_ms": 2 * 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // Channelz leaks memory (grpc-node#2068).
  "grpc.enable_channelz": 0,
} as const;

/** Serves gRPC once this resolves. Rejects when the port cannot be bound. */
export async function startGrpcJsListener(options: GrpcListenerOptions): Promise<Listener> {
  const { listen, tls, implementations, onEnd, limits, events, maxConnectionAgeMs = defaultMaxAgeMs } = options;
  const server = new Server({
    ...serverOptions,
    ...(maxConnectionAgeMs > 0 && { "grpc.max_connection_age_ms": maxConnectionAgeMs }),
  });
  mountOnGrpc(server, implementations, onEnd);
  const port = await bind(server, listen, tls ? secure(tls) : ServerCredentials.createInsecure());
  watchArrivals(http2ServerOf(server), { ...defaultArrivalLimits, ...limits }, endlessPaths(implementations), events);
  const address = listen.replace(/\d+$/, String(port));
  return { address, drain: (graceMs) => drain(server, address, graceMs), renew: () => false };
}

function secure({ cert, key, clientCa }: TlsKeys): ServerCredentials {
  return ServerCredentials.createSsl(
    clientCa ?? null,
    [{ cert_chain: cert, private_key: key }],
    clientCa !== undefined,
  );
}

/**
 * Returns the HTTP/2 server inside. Only there can raw headers and requests that never end be seen. The field is
 * private: with a grpc-js version without it, this throws at the start.
 */
function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> };
  const [inner] = http2Servers?.keys() ?? [];
  if (!inner) throw new Error("this version of grpc-js does not expose its HTTP/2 server");
  return inner;
}

/** Returns the methods whose requests may be endless; their handlers limit them. */
function endlessPaths(implementations: readonly Implementation[]): ReadonlySet<string> {
  const operations = implementations.flatMap((implementation) => implementation.operations);
  return new Set(operations.flatMap(({ kind, method }) => (kind === "bidi_streaming" ? `/${methodName(method)}` : [])));
}

function watchArrivals(
  server: Http2Server,
  limits: ArrivalLimits,
  endless: ReadonlySet<string>,
  events: ArrivalEvents | undefined,
): void {
  const arrivals = new Arrivals<ServerHttp2Stream>(server, {
    limits,
    isWhole: (stream) => stream.readableEnded || stream.closed || stream.endAfterHeaders,
    connectionOf: ({ session }) => session,
    refuse: refuseLate,
    events,
  });
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    arrivals.expect(peer, () => socket.destroy());
    socket.once("close", () => arrivals.arrived(peer));
  });
  server.on("session", (session: ServerHttp2Session) => {
    const peer = peerOf(session.socket);
    session.once("remoteSettings", () => arrivals.arrived(peer));
  });
  // Before grpc-js's own listener, which reads the headers.
  server.prependListener(
    "stream",
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
      showEveryAuthorization(headers, rawHeaders);
      if (!endless.has(headers[":path"] as string)) arrivals.add(stream);
    },
  );
}

/**
 * Makes every `authorization` header visible. Node keeps the first of several and drops the others, but we must refuse
 * several (RFC 9110 §5.3).
 */
function showEveryAuthorization(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
  let values: string[] | undefined;
  let first: string | undefined;
  // Names and values alternate; HTTP/2 has names in lower case only.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index] !== "authorization") continue;
    const value = rawHeaders[index + 1] ?? "";
    if (first === undefined) first = value;
    else {
      values ??= [first];
      values.push(value);
    }
  }
  // grpc-js makes metadata with several values from an array.
  if (values) (headers as Record<string, unknown>)["authorization"] = values;
}

const lateness: Readonly<Record<Lateness, { readonly code: StatusCode; readonly message: string }>> = {
  late: { code: "DEADLINE_EXCEEDED", message: "the request did not arrive in time" },
  crowded: { code: "RESOURCE_EXHAUSTED", message: "too many requests arrive too slowly" },
};

function refuseLate(stream: ServerHttp2Stream, why: Lateness): void {
  if (!stream.headersSent) {
    const headers: OutgoingHttpHeaders = {
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": codeOf(lateness[why]),
      "grpc-message": lateness[why].message,
    };
    stream.respond(headers, { endStream: true });
  }
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) =>
      error ? reject(listenError(listen, error)) : resolve(port),
    );
  });
}

/**
 * For connections without a session, which `drain` does not know: a TLS handshake that never ends would delay
 * `tryShutdown` for minutes.
 */
const lastResortMs = 500;

function drain(server: Server, address: string, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const lastResort = setTimeout(resolve, graceMs + lastResortMs);
    // The order matters: after tryShutdown, drain does nothing; without drain, tryShutdown waits forever for an endless
    // stream; and forceShutdown closes no session when channelz is off.
    server.drain(address, graceMs);
    server.tryShutdown(() => {
      clearTimeout(lastResort);
      resolve();
    });
  });
}
