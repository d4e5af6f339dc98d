import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import type { Closure } from "../http2/connection.js";
import type { FieldList } from "../http2/fields.js";
import { ServerConnection, type ServerConnectionLimits } from "../http2/server-connection.js";
import type { Stream } from "../http2/streams.js";
import { SocketWire } from "./socket-wire.js";

/** PEM texts. */
export interface TlsFiles {
  readonly cert: Buffer | string;
  readonly key: Buffer | string;
  /** When set, only clients with a certificate of this authority may connect. */
  readonly clientCa?: Buffer | string | undefined;
}

export interface ListenerLimits {
  /** The most connections. */
  readonly connections: number;
  /** The most connections with the same `addressKey`. */
  readonly connectionsOfAddress: number;
  /** The most octets in memory for all connections: above, the largest is closed. */
  readonly memory: number;
  /** Milliseconds between two looks at every connection. */
  readonly tickMs: number;
  readonly connection: ServerConnectionLimits;
}

export const defaultListenerLimits: ListenerLimits = {
  connections: 10_000,
  connectionsOfAddress: 1_000,
  memory: 256 * 1024 * 1024,
  tickMs: 500,
  connection: {
    helloMs: 10_000,
    concurrentStreams: 250,
    // Makes clients find new replicas behind a balancer.
    maxAgeMs: 10 * 60_000,
    maxIdleMs: 15 * 60_000,
    // Longer than any reasonable deadline.
    graceMs: 30_000,
    keepaliveMs: 2 * 60_000,
    keepaliveTimeoutMs: 20_000,
  },
};

/** Why a connection was closed, before it was one or later. */
export type ListenerClosure = Closure | "full" | "address" | "tls";

export interface ListenerEvents {
  /** Called once for each connection that we closed or that was closed. Must not throw. */
  closed(closure: ListenerClosure): void;
  /** Called with what was thrown by a handler or by a defect. Must not throw. */
  failed(thrown: unknown): void;
}

/** `P` is what is known of a client, made once for each connection. */
export interface ListenerOptions<P> {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: TlsFiles | undefined;
  readonly limits?: ListenerLimits;
  /** Returns what counts as one address: that of the socket, or a range of it. */
  readonly addressKey: (address: string | undefined) => string;
  readonly peerOf: (socket: Socket) => P;
  /** Makes the object of a request, whose head is valid. */
  readonly open: (connection: ServerConnection, id: number, head: FieldList, peer: P) => Stream;
  readonly events: ListenerEvents;
}

/** Larger than what the answers of one turn usually need, so that writing them is one step. */
const highWaterMark = 128 * 1024;

/** How long the first octets of a client may take until it is greeted as a client of HTTP/2, milliseconds. */
const greetAfterMs = 20;

/** A bound port that speaks HTTP/2. */
export class Listener<P> {
  readonly #options: ListenerOptions<P>;
  readonly #limits: ListenerLimits;
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  /** Sockets whose TLS handshake is not finished, by the address and port of the peer. */
  readonly #opening = new Map<string, Socket>();
  readonly #ofAddress = new Map<string, number>();
  #memory = 0;
  #largestMemory = 0;
  /** The authority of clients, as PEM. */
  #trusted: string;

  private constructor(options: ListenerOptions<P>) {
    this.#options = options;
    this.#limits = options.limits ?? defaultListenerLimits;
    this.#trusted = String(options.tls?.clientCa);
    this.#server = this.#createServer();
    this.#server.maxConnections = this.#limits.connections;
    this.#server.on("drop", () => options.events.closed("full"));
    this.#server.on("connection", (socket: Socket) => this.#count(socket));
    if (options.tls) this.#server.on("secureConnection", (socket: TLSSocket) => this.#acceptSecure(socket));
    else this.#server.on("connection", (socket: Socket) => this.#accept(socket));
    const ticking = setInterval(() => this.#tick(), this.#limits.tickMs).unref();
    this.#server.once("close", () => clearInterval(ticking));
  }

  /** Resolves when the port is open; rejects with Node's error when it cannot be. */
  static async open<P>(options: ListenerOptions<P>): Promise<Listener<P>> {
    const listener = new Listener(options);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once("error", reject);
      listener.#server.listen(options.port, options.host, () => resolve());
    });
    listener.#server.on("error", (error) => options.events.failed(error));
    return listener;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Connections now; octets in memory for all of them, and for the largest, at the last look. */
  get load(): { readonly open: number; readonly memory: number; readonly largestMemory: number } {
    return { open: this.#connections.size, memory: this.#memory, largestMemory: this.#largestMemory };
  }

  /**
   * Uses other certificates for connections that come from now on. When the authority of clients is another one, the
   * others are asked to end: their clients may not be trusted any more.
   */
  renew(tls: TlsFiles): void {
    (this.#server as TlsServer).setSecureContext(contextOf(tls));
    const trusted = String(tls.clientCa);
    if (trusted === this.#trusted) return;
    this.#trusted = trusted;
    // A handshake goes on with the authority with which it began.
    for (const socket of this.#opening.values()) socket.destroy();
    for (const connection of this.#connections) connection.drain(performance.now());
  }

  /**
   * Stops accepting, lets running calls finish, and cuts what is still open after `graceMs`. Resolves when everything
   * is closed.
   */
  drain(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy("drain");
      }, graceMs);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const socket of this.#opening.values()) socket.destroy();
      for (const connection of this.#connections) connection.drain(performance.now());
    });
  }

  #createServer(): Server {
    const { tls, events } = this.#options;
    if (!tls) return createServer({ noDelay: true, highWaterMark });
    const { helloMs } = this.#limits.connection;
    const options = { ...contextOf(tls), ALPNProtocols: ["h2"], handshakeTimeout: helloMs, highWaterMark };
    const server = createTlsServer(options);
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      events.closed(error.code === "ERR_TLS_HANDSHAKE_TIMEOUT" ? "hello" : "tls");
      socket.destroy();
    });
    return server;
  }

  #acceptSecure(socket: TLSSocket): void {
    // A client that offers no protocol at all gets this far.
    if (socket.alpnProtocol === "h2") {
      this.#accept(socket);
      return;
    }
    this.#options.events.closed("tls");
    socket.destroy();
  }

  /** Counts a socket, also one that has not finished its TLS handshake. */
  #count(socket: Socket): void {
    socket.on("error", () => undefined);
    const key = this.#options.addressKey(socket.remoteAddress);
    const count = (this.#ofAddress.get(key) ?? 0) + 1;
    this.#ofAddress.set(key, count);
    const peer = peerOf(socket);
    this.#opening.set(peer, socket);
    socket.once("close", () => {
      this.#opening.delete(peer);
      const rest = (this.#ofAddress.get(key) ?? 1) - 1;
      if (rest > 0) this.#ofAddress.set(key, rest);
      else this.#ofAddress.delete(key);
    });
    if (count <= this.#limits.connectionsOfAddress) return;
    this.#options.events.closed("address");
    socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#opening.delete(peerOf(socket));
    if (socket.destroyed) return;
    const { open, events } = this.#options;
    const peer = this.#options.peerOf(socket);
    const wire = new SocketWire(socket);
    const connection = new ServerConnection(
      wire,
      {
        open: (connection, id, head) => open(connection, id, head, peer),
        events,
        limits: this.#limits.connection,
      },
      performance.now(),
    );
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
    wire.attach(connection);
    setTimeout(() => connection.greetSilent(performance.now()), greetAfterMs).unref();
  }

  #tick(): void {
    const now = performance.now();
    let sum = 0;
    let largest: ServerConnection | undefined;
    let most = 0;
    for (const connection of this.#connections) {
      connection.tick(now);
      const { memory } = connection;
      sum += memory;
      if (memory <= most) continue;
      most = memory;
      largest = connection;
    }
    this.#memory = sum;
    this.#largestMemory = most;
    if (sum > this.#limits.memory) largest?.destroy("memory");
  }
}

function contextOf({ cert, key, clientCa }: TlsFiles) {
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
