import { once } from "node:events";
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import http2, {
  constants,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import https from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import {
  type ArrivalEvents,
  type ArrivalLimits,
  Arrivals,
  defaultArrivalLimits,
  type Lateness,
  peerOf,
} from "./arrivals.js";
import type { ConnectRoutes } from "./connect.js";
import type { Cors } from "./cors.js";
import type { Listener, TlsKeys } from "./grpc-listener.js";
import { listenError } from "./listen-error.js";
import { RequestCutOff, type Route, sendJson } from "./route.js";
import { maxConcurrentStreams } from "./service.js";

/** Time-outs, milliseconds. */
export interface HttpTimeouts {
  /** Time to send all request headers. Default 10,000. */
  readonly headersMs: number;
  /** Time to send a whole request. Default 30,000. */
  readonly requestMs: number;
  /** How often the two limits above are checked. Default 5,000. */
  readonly checkMs: number;
  /**
   * Time for which an HTTP/1.1 connection may be idle between requests. It must be longer than that of balancers, or
   * they send into a connection that closes. Default 65,000.
   */
  readonly keepAliveMs: number;
  /** Time for the TLS handshake. Default 10,000. */
  readonly handshakeMs: number;
  /** Time for which an HTTP/2 connection may be idle. Default 900,000. */
  readonly http2IdleMs: number;
}

export const defaultHttpTimeouts: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 30_000,
  checkMs: 5_000,
  keepAliveMs: 65_000,
  handshakeMs: 10_000,
  http2IdleMs: 900_000,
};

export interface HttpListenerOptions {
  /** `host:port`; port 0 picks a free port. */
  readonly listen: string;
  /** Absent: plaintext HTTP/1.1. Present: also HTTP/2; the client chooses by ALPN. */
  readonly tls?: TlsKeys;
  /** Matched before the RPCs. */
  readonly routes: readonly Route[];
  readonly rpc: ConnectRoutes;
  /** Absent: pages of other origins cannot read answers. */
  readonly cors?: Cors;
  /** Headers of every answer; an answer may have other values instead. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly limits?: Partial<ArrivalLimits>;
  readonly events?: ArrivalEvents;
  /** Called with the error of a route; the peer gets a plain 500. */
  readonly onDefect?: (error: unknown) => void;
}

/** Serves HTTP once this resolves. Rejects when the port cannot be bound. */
export async function startHttpListener(options: HttpListenerOptions): Promise<Listener> {
  const timeouts = { ...defaultHttpTimeouts, ...options.timeouts };
  const connections = new Connections();
  // The handler needs what watches the server, which needs the server.
  const server = options.tls ? tlsServer(options.tls, timeouts) : http.createServer(serverOptions(timeouts));
  const arrivals = new Arrivals<ServerResponse>(server, {
    limits: { ...defaultArrivalLimits, ...options.limits },
    isWhole: ({ req }) => req.complete || req.destroyed,
    connectionOf: ({ req }) => http2Stream(req)?.session ?? req.socket,
    refuse: refuseLate,
    events: options.events,
  });
  const handler = requestHandler(options, connections, arrivals);
  server.on("request", handler);
  if (options.tls) serveHttp2(server, timeouts, handler, connections, arrivals);
  server.on("connection", (socket: Socket) => connections.add(socket));
  // The event's type is wider than its real values, which are connections of this server.
  server.on("clientError", (error, socket) => answerClientError(error, socket as Socket, options.events));
  const { host, port } = splitHostPort(options.listen);
  server.listen(port, host);
  await once(server, "listening").catch((error: unknown) => {
    throw listenError(options.listen, error);
  });
  // From here on an error is a failed accept, which must not end the process.
  server.on("error", (error) => options.onDefect?.(error));
  const bound = (server.address() as AddressInfo).port; // it listens on TCP
  return {
    address: options.listen.replace(/\d+$/, String(bound)),
    drain: (graceMs) => drain(server, connections, options.rpc, graceMs),
    renew: (keys) => {
      (server as https.Server).setSecureContext(secureContext(keys));
      return true;
    },
  };
}

/**
 * Does nothing. Errors of sockets say that the peer is gone, and `close` follows. Errors of TLS may end the process
 * when there is no listener (node#39363).
 */
const ignore = (): void => undefined;

/** Everything that is open. It is closed gracefully or, at the end, cut. */
class Connections {
  readonly sockets = new Set<Socket>();
  readonly sessions = new Set<ServerHttp2Session>();
  draining = false;

  add(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", ignore);
    socket.once("close", () => this.sockets.delete(socket));
  }

  addSession(session: ServerHttp2Session, idleMs: number): void {
    this.sessions.add(session);
    session.once("close", () => this.sessions.delete(session));
    session.setTimeout(idleMs, () => session.close());
    // It was accepted before the drain and is ready only now.
    if (this.draining) session.close();
  }
}

function requestHandler(
  { routes, rpc, cors, headers = {}, onDefect, events }: HttpListenerOptions,
  connections: Connections,
  arrivals: Arrivals<ServerResponse>,
): RequestListener {
  const fail = (response: ServerResponse, error: unknown): void => {
    // A handler does not know that its request was given up: it may fail because it answers again.
    if (error instanceof RequestCutOff || givenUp.has(response)) return;
    onDefect?.(error);
    if (!response.headersSent) sendJson(response, 500, { code: "internal", message: "internal error" });
    else response.destroy();
  };
  const always = Object.entries(headers);
  return (request, response) => {
    for (const [name, value] of always) response.setHeader(name, value);
    response.on("error", (error) => onDefect?.(error));
    arrivals.add(response);
    response.once("close", () => {
      // A kept-alive connection would stay open for its whole idle time.
      if (connections.draining && request.httpVersionMajor === 1) request.socket.end();
    });
    // Before Node's own listener, which closes the connection when no other request may follow.
    response.prependOnceListener("finish", () => {
      if (!request.complete) readOn(request, events);
    });
    // A handler that stops reading a body must not break the connection: the answer would be lost.
    request[Symbol.asyncIterator] = iterateGently;
    if (cors?.(request, response)) return;
    if (headerBytesOf(request) > maxHeaderBytes) {
      sendJson(response, 431, headersTooLarge);
      return;
    }
    const path = request.url?.split("?", 1)[0] ?? "";
    const here = routes.filter((route) =>
      typeof route.path === "string" ? route.path === path : route.path.test(path),
    );
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = here.find((candidate) => candidate.method === method || candidate.method === "*");
    try {
      if (route) {
        const running = route.handle(request, response);
        if (running instanceof Promise) running.catch((error) => fail(response, error));
      } else if (here.length > 0) {
        response.setHeader("allow", here.map((candidate) => candidate.method).join(", "));
        sendJson(response, 405, { code: "unimplemented", message: "this path does not support this method" });
      } else {
        const running = rpc.handle(request, response);
        if (running) running.catch((error) => fail(response, error));
        // In the format of Connect's errors, so that Connect clients show it.
        else sendJson(response, 404, { code: "unimplemented", message: "no such path" });
      }
    } catch (error) {
      fail(response, error);
    }
  };
}

function iterateGently(this: IncomingMessage): NodeJS.AsyncIterator<unknown> {
  return this.iterator({ destroyOnReturn: false }) as NodeJS.AsyncIterator<unknown>; // its type lacks `return`
}

/**
 * The most bytes of all headers of a request, names and values. By default nginx passes 32 KiB and Envoy 60 KiB:
 * requests that they pass must be answered here, not refused.
 */
export const maxHeaderBytes = 65_536;

const headersTooLarge = {
  code: "resource_exhausted",
  message: `all headers together must have at most ${maxHeaderBytes} bytes`,
} as const;

/** Returns the size of the headers. Only for HTTP/2: the parser of HTTP/1.1 counts by itself. */
function headerBytesOf({ httpVersionMajor, rawHeaders }: IncomingMessage): number {
  return httpVersionMajor === 1 ? 0 : rawHeaders.reduce((sum, { length }) => sum + length, 0);
}

/**
 * How much of a request is read and discarded after an early answer. Most clients read the answer only after they have
 * sent everything. If the connection is closed before that, the answer is lost (RFC 9112 §9.6).
 */
const readOnLimits = { bytes: 16 * 1_048_576, ms: 5_000 } as const;

function readOn(request: IncomingMessage, events: ArrivalEvents | undefined): void {
  const stream = http2Stream(request);
  if (stream) {
    // In HTTP/2 this means that the answer is valid and the rest is not wanted (RFC 9113 §8.1).
    stream.close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  const { socket } = request;
  // Node calls this when no other request may follow. Only our half is closed, until the client has closed its half or
  // a limit below is reached.
  socket.destroySoon = () => socket.end();
  const stop = { ms: performance.now() + readOnLimits.ms, bytes: socket.bytesRead + readOnLimits.bytes };
  // By polling: Node does not report what it discards.
  const looking = setInterval(() => {
    if (socket.destroyed || (request.complete && socket.writable)) {
      clearInterval(looking);
      Reflect.deleteProperty(socket, "destroySoon");
    } else if (socket.bytesRead > stop.bytes || performance.now() > stop.ms) {
      events?.closed("unread");
      socket.destroy();
    }
  }, 50).unref();
  request.resume();
}

/**
 * Returns the stream of an HTTP/2 request; undefined over HTTP/1.1. Over HTTP/2 the `socket` of a request is only a
 * proxy of the real one.
 */
function http2Stream(request: IncomingMessage): Http2ServerRequest["stream"] | undefined {
  return "stream" in request ? (request as unknown as Http2ServerRequest).stream : undefined;
}

const lateAnswers: Readonly<Record<Lateness, readonly [status: number, code: string, message: string]>> = {
  late: [408, "deadline_exceeded", "the request did not arrive in time"],
  crowded: [429, "resource_exhausted", "too many requests arrive too slowly; try again later"],
};

/** Answers to requests that were given up. Their handlers may still run; what these throw is ignored. */
const givenUp = new WeakSet<ServerResponse>();

/** Answers a late request and stops reading it. */
function refuseLate(response: ServerResponse, why: Lateness): void {
  const { req, headersSent } = response;
  givenUp.add(response);
  const [status, code, message] = lateAnswers[why];
  if (!headersSent) sendJson(response, status, { code, message });
  const stream = http2Stream(req);
  // After the answer is sent. Otherwise Node keeps a stream open whose body has no end.
  if (stream) stream.close(constants.NGHTTP2_NO_ERROR);
  else if (headersSent) req.destroy();
  else response.once("finish", () => req.destroy());
}

/** Answers by the parser's error code, for bytes that are not a request. Every other code gets `malformed`. */
const clientErrors: Readonly<Record<string, readonly [status: string, body: { code: string; message: string }]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", headersTooLarge],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    "413 Payload Too Large",
    { code: "resource_exhausted", message: "the chunk extensions are too long" },
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    { code: "deadline_exceeded", message: "the request did not arrive in time" },
  ],
};
const malformed = [
  "400 Bad Request",
  { code: "invalid_argument", message: "the request is not valid HTTP/1.1" },
] as const;

function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket & { _httpMessage?: ServerResponse },
  events: ArrivalEvents | undefined,
): void {
  // Called again for all bytes that follow.
  if (!socket.writable || error.code === "ECONNRESET") return;
  if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") {
    // No answer is possible before a handshake.
    events?.closed("hello");
    socket.destroy();
    return;
  }
  events?.closed(error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "headers" : "malformed");
  if (socket._httpMessage?.headersSent) {
    socket.destroy();
    return;
  }
  const [status, body] = clientErrors[error.code ?? ""] ?? malformed;
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  );
  const late = setTimeout(() => socket.destroy(), readOnLimits.ms).unref();
  socket.once("close", () => clearTimeout(late));
}

function serverOptions(timeouts: HttpTimeouts): http.ServerOptions {
  return {
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: timeouts.checkMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    maxHeaderSize: maxHeaderBytes,
  };
}

function secureContext({ cert, key, clientCa }: TlsKeys) {
  return { cert, key, ...(clientCa && { ca: clientCa }) };
}

function tlsServer(keys: TlsKeys, timeouts: HttpTimeouts): https.Server {
  return https.createServer({
    ...serverOptions(timeouts),
    ...secureContext(keys),
    ...(keys.clientCa && { requestCert: true, rejectUnauthorized: true }),
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: timeouts.handshakeMs,
  });
}

/**
 * Passes connections that chose h2 to an http2 server that never listens. `http2.createSecureServer({ allowHTTP1: true
 * })` would be shorter, but on Node 20 and 22 it enforces no time-out on HTTP/1.1.
 */
function serveHttp2(
  server: Server,
  timeouts: HttpTimeouts,
  handler: RequestListener,
  connections: Connections,
  arrivals: Arrivals<ServerResponse>,
): void {
  // The compatibility API of http2 has all that we use of http's request and response.
  const handler2 = handler as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  // Twice the allowed size: above it, Node resets the stream without an answer.
  const settings = { maxConcurrentStreams, maxHeaderListSize: 2 * maxHeaderBytes };
  const h2 = http2.createServer({ settings }, handler2);
  h2.on("session", (session) => {
    connections.addSession(session, timeouts.http2IdleMs);
    const peer = peerOf(session.socket);
    arrivals.expect(peer, () => session.destroy());
    session.once("remoteSettings", () => arrivals.arrived(peer));
    session.once("close", () => arrivals.arrived(peer));
  });
  const http1 = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", ignore);
    if (socket.alpnProtocol === "h2") h2.emit("connection", socket);
    else for (const listener of http1) listener.call(server, socket);
  });
}

function splitHostPort(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(":");
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(listen.slice(colon + 1)) };
}

/** Time after the grace for aborted calls to send their error before their connection is cut, milliseconds. */
const lastWordsMs = 200;

async function drain(server: Server, connections: Connections, rpc: ConnectRoutes, graceMs: number): Promise<void> {
  connections.draining = true;
  // This closes idle HTTP/1.1 connections, but no HTTP/2 session on Node 20 and 22.
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of connections.sessions) session.close();
  if (await happensWithin(graceMs, closed)) return;
  rpc.abort();
  if (await happensWithin(lastWordsMs, closed)) return;
  for (const socket of connections.sockets) socket.destroy();
  await closed;
}

async function happensWithin(ms: number, event: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([event.then(() => true), over]);
  } finally {
    clearTimeout(timer);
  }
}
