import type { Socket } from "node:net";
import type { Connection } from "../http2/connection.js";
import type { Wire } from "../http2/wire.js";

const settled = Promise.resolve();

/** A connection over a socket. */
export class SocketWire implements Wire {
  readonly #socket: Socket;
  // Queued from a promise, and only from one, it runs when all promises of the turn have been settled.
  readonly #flushNext = () => process.nextTick(flush, this.#connection);
  #connection: Connection | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // `close` follows, and says all that is to be known.
    socket.on("error", () => undefined);
  }

  /** Gives everything that the socket reads and says to the connection. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#socket.on("data", (chunk: Buffer) => connection.receive(chunk, performance.now()));
    this.#socket.on("drain", () => connection.drained(performance.now()));
    this.#socket.on("end", () => connection.ended(performance.now()));
    this.#socket.on("close", () => connection.ended(performance.now()));
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  write(octets: Uint8Array): boolean {
    return this.#socket.write(octets);
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  flushSoon(): void {
    settled.then(this.#flushNext);
  }

  turnSoon(): void {
    setImmediate(turn, this.#connection);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function flush(connection: Connection | undefined): void {
  connection?.flush(performance.now());
}

function turn(connection: Connection | undefined): void {
  connection?.turn(performance.now());
}
