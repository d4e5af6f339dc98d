import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import http2, { type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import https from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ConnectRoutes } from "../rpc/connect.js";
import type { Listener, TlsKeys } from "../rpc/grpc-listener.js";
import { maxConcurrentStreams } from "../rpc/service.js";
import type { Cors } from "./cors.js";
import { type Route, sendJson } from "./route.js";

/** Milliseconds. */
export interface HttpTimeouts {
  /** To send all request headers. Default 10,000. */
  readonly headersMs: number;
  /** To send a whole request. Default 30,000. */
  readonly requestMs: number;
  /** How often the two above are looked at. Default 5,000. */
  readonly checkMs: number;
  /**
   * An HTTP/1.1 connection may rest between requests; longer than balancers do, or they send into a closing one.
   * Default 65,000.
   */
  readonly keepAliveMs: number;
  /** Default 10,000. */
  readonly handshakeMs: number;
  /** An HTTP/2 connection may rest. Default 900,000. */
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
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Absent: plaintext HTTP/1.1. Present: HTTP/2 as well, whichever the client chooses by ALPN. */
  readonly tls?: TlsKeys;
  /** Matched before the RPCs. */
  readonly routes: readonly Route[];
  readonly rpc: ConnectRoutes;
  /** Absent: pages of other origins can read nothing. */
  readonly cors?: Cors;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Told of what a route threw; the peer gets a plain 500. */
  readonly onDefect?: (error: unknown) => void;
}

/** Serves HTTP once it resolves. Rejects when the port cannot be bound. */
export async function startHttpListener(options: HttpListenerOptions): Promise<Listener> {
  const timeouts = { ...defaultHttpTimeouts, ...options.timeouts };
  const connections = new Connections();
  const handler = requestHandler(options, connections);
  const server = options.tls
    ? tlsServer(options.tls, timeouts, handler, connections)
    : http.createServer(serverOptions(timeouts), handler);
  server.on("connection", (socket: Socket) => connections.add(socket));
  const { host, port } = splitHostPort(options.listen);
  server.listen(port, host);
  await once(server, "listening");
  // From here on an error is one failed accept, which must not end the process.
  server.on("error", (error) => options.onDefect?.(error));
  const bound = (server.address() as AddressInfo).port; // it listens on TCP
  return {
    address: options.listen.replace(/\d+$/, String(bound)),
    drain: (graceMs) => drain(server, connections, options.rpc, graceMs),
  };
}

/**
 * Errors of sockets say that the peer is gone; `close` follows. Those of TLS may end the process when nobody listens
 * (node#39363).
 */
const ignore = (): void => undefined;

/** Everything open, to be closed well or, at the end, cut. */
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
    // Accepted before the drain, ready only now.
    if (this.draining) session.close();
  }
}

function requestHandler(
  { routes, rpc, cors, onDefect }: HttpListenerOptions,
  connections: Connections,
): RequestListener {
  return (request, response) => {
    response.on("error", (error) => onDefect?.(error));
    response.once("close", () => {
      // A kept-alive connection would stay open for its whole idle time.
      if (connections.draining && request.httpVersionMajor === 1) request.socket.end();
    });
    if (cors?.(request, response)) return;
    const path = request.url?.split("?", 1)[0];
    const here = routes.filter((route) => route.path === path);
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = here.find((candidate) => candidate.method === method || candidate.method === "*");
    try {
      if (route) route.handle(request, response);
      else if (here.length > 0) {
        response.setHeader("allow", here.map((candidate) => candidate.method).join(", "));
        sendJson(response, 405, { code: "unimplemented", message: "the path does not have this method" });
      } else if (!rpc.handle(request, response)) {
        // In the shape of Connect's errors, so that its clients show it.
        sendJson(response, 404, { code: "unimplemented", message: "no such path" });
      }
    } catch (error) {
      onDefect?.(error);
      if (!response.headersSent) sendJson(response, 500, { code: "internal", message: "internal error" });
      else response.destroy();
    }
  };
}

function serverOptions(timeouts: HttpTimeouts): http.ServerOptions {
  return {
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: timeouts.checkMs,
    keepAliveTimeout: timeouts.keepAliveMs,
  };
}

/**
 * An https server that hands connections which chose h2 to an http2 server that never listens.
 * `http2.createSecureServer({ allowHTTP1: true })` would be shorter, but on Node 20 and 22 it enforces no time-out at
 * all on HTTP/1.1.
 */
function tlsServer(keys: TlsKeys, timeouts: HttpTimeouts, handler: RequestListener, connections: Connections): Server {
  // The compatibility API of http2 offers what we use of http's request and response.
  const handler2 = handler as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  const h2 = http2.createServer({ settings: { maxConcurrentStreams } }, handler2);
  h2.on("session", (session) => connections.addSession(session, timeouts.http2IdleMs));
  const { cert, key, clientCa } = keys;
  const server = https.createServer(
    {
      ...serverOptions(timeouts),
      cert,
      key,
      ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: timeouts.handshakeMs,
    },
    handler,
  );
  const http1 = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", ignore);
    if (socket.alpnProtocol === "h2") h2.emit("connection", socket);
    else for (const listener of http1) listener.call(server, socket);
  });
  return server;
}

function splitHostPort(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(":");
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(listen.slice(colon + 1)) };
}

/** After the grace, milliseconds for aborted calls to send their error before their connection is cut. */
const lastWordsMs = 200;

async function drain(server: Server, connections: Connections, rpc: ConnectRoutes, graceMs: number): Promise<void> {
  connections.draining = true;
  // Closes idle HTTP/1.1 connections by itself, but no HTTP/2 session on Node 20 and 22.
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
