import type { Server, Socket } from "node:net";
import { peerAddress } from "../domain/network.js";
import { keyOfAddress } from "../domain/rate-limiter.js";

/**
 * Limits of a port for callers that have not shown a credential yet. Each number is far above what honest callers need.
 */
export interface ArrivalLimits {
  /** The most connections. An idle one holds about 20 KiB in plaintext, 50 KiB with TLS. */
  readonly connections: number;
  /** The most connections of one address, or of one /64 of IPv6. A balancer or proxy counts as one address. */
  readonly connectionsOfAddress: number;
  /** Time to finish the TLS handshake and to send the HTTP/2 preface with its settings, milliseconds. */
  readonly helloMs: number;
  /** Time to send a whole request, milliseconds. */
  readonly requestMs: number;
  /** Milliseconds between two looks for late requests. A request that two looks have seen unfinished is slow. */
  readonly lookMs: number;
  /** The most slow requests, each of which may hold the 256 KiB of one message. */
  readonly slow: number;
  /** The most slow requests of one connection. */
  readonly slowOfConnection: number;
}

export const defaultArrivalLimits: ArrivalLimits = {
  connections: 10_000,
  connectionsOfAddress: 1_000,
  helloMs: 10_000,
  requestMs: 30_000,
  lookMs: 1_000,
  slow: 256,
  slowOfConnection: 32,
};

/** Why the port gives up a request: its time is over, or too many slow requests arrive. */
export const latenesses = ["late", "crowded"] as const;
export type Lateness = (typeof latenesses)[number];

/** Why a port of HTTP closes a connection: the first six of `closings`. */
export const httpClosings = ["full", "address", "hello", "headers", "malformed", "unread"] as const;

/**
 * Why we closed a connection. `full`: all allowed connections are open. `address`: its address has too many. `hello`:
 * no TLS handshake or HTTP/2 preface came in time. `headers`: no complete request headers came in time. `malformed`: it
 * does not send HTTP. `unread`: it went on sending a body after the answer, or does not read. `tls`: the handshake
 * failed. `protocol`: it broke a rule of HTTP/2. `settings`, `pings`, `resets`, `faults`, `empty_data`, `header_block`:
 * it sent too many of these, or too large ones. `memory`: it held the most when all together held too much. `internal`:
 * a defect here. `age`, `idle`, `drain`: its time was over, and it was told so. `dead`: it gave no sign of life.
 */
export const closings = [
  ...httpClosings,
  "tls",
  "protocol",
  "settings",
  "pings",
  "resets",
  "faults",
  "empty_data",
  "header_block",
  "memory",
  "internal",
  "age",
  "idle",
  "drain",
  "dead",
] as const;
export type Closing = (typeof closings)[number];

/** Called with what was closed or given up. Must not wait or throw. */
export interface ArrivalEvents {
  closed(closing: Closing): void;
  gaveUp(lateness: Lateness): void;
}

export interface ArrivalsOptions<T> {
  readonly limits: ArrivalLimits;
  /** Returns whether the whole request is here, or no more of it will come. */
  readonly isWhole: (request: T) => boolean;
  readonly connectionOf: (request: T) => unknown;
  /** Answers the request and stops reading it. */
  readonly refuse: (request: T, lateness: Lateness) => void;
  readonly events?: ArrivalEvents | undefined;
}

/**
 * Supervises a port: closes connections that send nothing, and refuses requests that never end. Most requests are whole
 * at the end of the turn of the event loop in which they began. These cost one entry in a list: there is no timer and
 * no listener per request.
 */
export class Arrivals<T extends object> {
  readonly #options: ArrivalsOptions<T>;
  /** Requests that began in this turn of the event loop. */
  #begun: T[] = [];
  /** Requests that were not whole at the end of their first turn, oldest first, with the first look after it. */
  readonly #requests = new Map<T, number>();
  /** Connections that have not sent their hello yet, by the peer's address and port. */
  readonly #opening = new Map<string, { readonly look: number; readonly destroy: () => void }>();
  readonly #connections = new Map<string, number>();
  #look = 0;

  constructor(server: Server, options: ArrivalsOptions<T>) {
    this.#options = options;
    server.maxConnections = options.limits.connections;
    server.on("connection", (socket: Socket) => this.#count(socket));
    server.on("drop", () => options.events?.closed("full"));
    const looking = setInterval(() => this.#lookForLate(), options.limits.lookMs).unref();
    server.once("close", () => clearInterval(looking));
  }

  add(request: T): void {
    if (this.#begun.push(request) === 1) setImmediate(() => this.#keepUnfinished());
  }

  /** Destroys the connection of this peer unless `arrived` is called for it in time. */
  expect(peer: string, destroy: () => void): void {
    this.#opening.set(peer, { look: this.#look, destroy });
  }

  arrived(peer: string): void {
    this.#opening.delete(peer);
  }

  #count(socket: Socket): void {
    const address = keyOfAddress(peerAddress(socket.remoteAddress));
    const count = (this.#connections.get(address) ?? 0) + 1;
    this.#connections.set(address, count);
    socket.once("close", () => {
      const rest = (this.#connections.get(address) ?? 1) - 1;
      if (rest > 0) this.#connections.set(address, rest);
      else this.#connections.delete(address);
    });
    if (count <= this.#options.limits.connectionsOfAddress) return;
    this.#options.events?.closed("address");
    socket.destroy();
  }

  #keepUnfinished(): void {
    for (const request of this.#begun) if (!this.#options.isWhole(request)) this.#requests.set(request, this.#look);
    this.#begun = [];
  }

  #lookForLate(): void {
    const { limits, isWhole, connectionOf, events } = this.#options;
    const { helloMs, requestMs, lookMs, slow, slowOfConnection } = limits;
    const look = this.#look++;
    for (const [peer, opening] of this.#opening) {
      if ((look - opening.look) * lookMs < helloMs) continue;
      this.#opening.delete(peer);
      events?.closed("hello");
      opening.destroy();
    }
    const arriving: T[] = [];
    const ofConnection = new Map<unknown, number>();
    for (const [request, since] of this.#requests) {
      if (isWhole(request)) this.#requests.delete(request);
      else if ((look - since) * lookMs >= requestMs) this.#refuse(request, "late");
      else if (look > since) {
        const connection = connectionOf(request);
        const count = (ofConnection.get(connection) ?? 0) + 1;
        ofConnection.set(connection, count);
        if (count > slowOfConnection) this.#refuse(request, "crowded");
        else arriving.push(request);
      }
    }
    // The oldest ones: they send nothing, and newer requests must not make room for them.
    for (const request of arriving.slice(0, Math.max(0, arriving.length - slow))) this.#refuse(request, "crowded");
  }

  #refuse(request: T, lateness: Lateness): void {
    this.#requests.delete(request);
    this.#options.events?.gaveUp(lateness);
    this.#options.refuse(request, lateness);
  }
}

/** Returns the key of an open connection. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress}:${remotePort}`;
}
