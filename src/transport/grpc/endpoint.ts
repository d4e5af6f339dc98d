import type { Socket } from "node:net";
import { ClientConnection } from "../http2/client-connection.js";
import type { Closure } from "../http2/connection.js";
import { type DialTls, dial } from "../net/dial.js";
import { SocketWire } from "../net/socket-wire.js";

/** Where a client was told to connect to. */
export interface Target {
  /** A name or a literal address. */
  readonly host: string;
  readonly port: number;
}

export interface EndpointOptions {
  readonly target: Target;
  /** The place of the target in the client's list. */
  readonly index: number;
  /** A literal address of the target. */
  readonly address: string;
  readonly tls: DialTls | undefined;
  readonly events: EndpointEvents;
}

export interface EndpointEvents {
  /** Called at each change of the state or of the room for calls. */
  changed(): void;
  /** Called when a connection could not be made or is about to end: the addresses may be others by now. */
  doubtful(): void;
  /** Called with what a defect has thrown. */
  failed(thrown: unknown): void;
}

/** The time to connect, with TLS and the server's SETTINGS, milliseconds. A server that says nothing is no server. */
const connectMs = 5_000;

/** Waits between attempts: each is longer than the one before by the factor, and shorter or longer by a fifth. */
const backOff = { firstMs: 100, factor: 1.6, longestMs: 500, spread: 0.2 };

/** idle: not started. backing-off: the next attempt comes later. closed: for good. */
export type EndpointState = "idle" | "connecting" | "ready" | "backing-off" | "closed";

/** One address, with one connection for new calls; older ones may still finish theirs. */
export class Endpoint {
  readonly index: number;
  readonly address: string;
  state: EndpointState = "idle";
  /** Takes calls when the state is `ready`. */
  connection: ClientConnection | undefined;
  /** Why there is no connection. */
  problem = "not connected yet";
  readonly #options: EndpointOptions;
  readonly #leaving = new Set<ClientConnection>();
  /** The socket before it has a connection. */
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.index = options.index;
    this.address = options.address;
  }

  /** Whether nothing of it is open any more. */
  get isGone(): boolean {
    return this.state === "closed" && !this.connection && this.#leaving.size === 0;
  }

  connect(): void {
    const { address, target, tls } = this.#options;
    this.state = "connecting";
    this.#after(connectMs, () => this.#fail(`no answer within ${connectMs / 1000} s`));
    const socket = dial(
      { address, port: target.port, host: target.host, tls },
      () => this.#connected(socket),
      (error) => {
        // A socket that was given up closes too.
        if (socket === this.#socket) this.#fail(error.message);
      },
    );
    this.#socket = socket;
  }

  /** Called about every quarter of a second. */
  tick(now: number): void {
    this.connection?.tick(now);
    for (const connection of this.#leaving) {
      connection.tick(now);
      if (connection.state === "closed") this.#leaving.delete(connection);
    }
  }

  /** Begins no more calls; those in use may finish. */
  retire(): void {
    const { connection, state } = this;
    if (state === "ready") this.connection = undefined;
    this.#stop();
    this.state = "closed";
    if (state !== "ready" || !connection) return;
    this.#leaving.add(connection);
    connection.retire(performance.now());
  }

  /** Ends all calls now, says goodbye, and is gone within a second. */
  close(): void {
    this.retire();
    for (const connection of this.#leaving) connection.goodbye(performance.now());
  }

  #connected(socket: Socket): void {
    this.#socket = undefined;
    const wire = new SocketWire(socket);
    const connection: ClientConnection = new ClientConnection(
      wire,
      {
        opened: () => this.#opened(),
        room: () => this.#options.events.changed(),
        leaving: () => this.#replace(connection, "the server closes the connection"),
        closed: (closure) => {
          this.#replace(connection, textOf(closure));
        },
        failed: (thrown) => this.#options.events.failed(thrown),
      },
      performance.now(),
    );
    this.connection = connection;
    wire.attach(connection);
  }

  #opened(): void {
    clearTimeout(this.#timer);
    this.state = "ready";
    this.#options.events.changed();
  }

  /** Lets the present connection finish its calls, and makes another. */
  #replace(connection: ClientConnection, problem: string): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    this.#leaving.add(connection);
    const wasReady = this.state === "ready";
    // Only an answer proves that a server is there: some accept, and end each connection at once.
    if (connection.answered) this.#attempts = 0;
    if (wasReady && this.#attempts === 0) {
      this.#attempts = 1;
      this.problem = problem;
      this.connect();
      this.#options.events.doubtful();
      this.#options.events.changed();
    } else {
      this.#fail(problem);
    }
  }

  #fail(problem: string): void {
    this.#stop();
    this.problem = problem;
    this.state = "backing-off";
    const wait = Math.min(backOff.firstMs * backOff.factor ** this.#attempts++, backOff.longestMs);
    this.#after(wait * (1 + backOff.spread * (2 * Math.random() - 1)), () => {
      this.connect();
      this.#options.events.changed();
    });
    this.#options.events.doubtful();
    this.#options.events.changed();
  }

  /** Ends an attempt to connect. */
  #stop(): void {
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#socket = undefined;
    const { connection } = this;
    this.connection = undefined;
    connection?.destroy("hello");
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms).unref();
  }
}

function textOf(closure: Closure): string {
  switch (closure) {
    case "peer":
      return "ECONNRESET: the server closed the connection";
    case "dead":
      return "the server does not answer";
    case "hello":
      return "no answer: the server sent no SETTINGS";
    default:
      return `Protocol error (${closure})`;
  }
}
