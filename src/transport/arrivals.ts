import type { Server, Socket } from "node:net";
import { peerAddress } from "../domain/network.js";
import { keyOfAddress } from "../domain/rate-limiter.js";

/**
 * What anybody may hold of a port without having shown a credential. Each number is far above what honest callers need.
 */
export interface ArrivalLimits {
  /** Connections. An idle one holds some 20 KiB in the clear, 50 KiB with TLS. */
  readonly connections: number;
  /** Connections of one address, or of one /64 of IPv6: balancers and proxies count as one. */
  readonly connectionsOfAddress: number;
  /** To finish the TLS handshake and to send the HTTP/2 preface with its settings, milliseconds. */
  readonly helloMs: number;
  /** To send a whole request, milliseconds. */
  readonly requestMs: number;
  /** How often it is looked for what is late, milliseconds. A request that two looks have seen unfinished is slow. */
  readonly lookMs: number;
  /** Slow requests, each of which may hold the 256 KiB of one message. */
  readonly slow: number;
  /** Slow requests of one connection. */
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

/** Why a request is not waited for any longer: its time is over, or too many arrive as slowly. */
export const latenesses = ["late", "crowded"] as const;
export type Lateness = (typeof latenesses)[number];

/**
 * Why a connection was closed by us: `full`, all there may be are open; `address`, its address has too many; `hello`,
 * no TLS handshake or HTTP/2 preface came in time; `headers`, no whole headers of a request did; `malformed`, it speaks
 * no HTTP; `unread`, it went on sending a body that had been answered.
 */
export const closings = ["full", "address", "hello", "headers", "malformed", "unread"] as const;
export type Closing = (typeof closings)[number];

/** Called with what was given up. Must not wait and not throw. */
export interface ArrivalEvents {
  closed(closing: Closing): void;
  gaveUp(lateness: Lateness): void;
}

export interface ArrivalsOptions<T> {
  readonly limits: ArrivalLimits;
  /** Whether all of the request is here, or nothing more of it will come. */
  readonly isWhole: (request: T) => boolean;
  readonly connectionOf: (request: T) => unknown;
  /** Answers the request and stops reading it. */
  readonly refuse: (request: T, lateness: Lateness) => void;
  readonly events?: ArrivalEvents | undefined;
}

/**
 * Looks after what arrives at a port: connections that say nothing and requests that never end. A request that is whole
 * at the end of the turn of the event loop in which it began, as most are, costs an entry in a list: there is no timer
 * and no listener for each.
 */
export class Arrivals<T extends object> {
  readonly #options: ArrivalsOptions<T>;
  /** Requests that began in this turn of the event loop. */
  #begun: T[] = [];
  /**
   * Requests that were not whole at the end of their first turn, oldest first, with the look before which they began.
   */
  readonly #requests = new Map<T, number>();
  /** What has not said hello yet, by the peer's address and port. */
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

  /** Expects that `arrived` is called for this peer soon; else destroys it. */
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
    // The oldest: who came late need not make room for who sends nothing.
    for (const request of arriving.slice(0, Math.max(0, arriving.length - slow))) this.#refuse(request, "crowded");
  }

  #refuse(request: T, lateness: Lateness): void {
    this.#requests.delete(request);
    this.#options.events?.gaveUp(lateness);
    this.#options.refuse(request, lateness);
  }
}

/** Key of a connection among those that are open. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress}:${remotePort}`;
}
