import { connect, type Socket } from "node:net";

/** What the driver asks for. */
export interface SocketTarget {
  readonly host: readonly string[];
  readonly port: readonly number[];
  /** Of a Unix socket. */
  readonly path?: string | false;
  readonly ssl?: unknown;
}

const connectTimeoutMs = 2_000;

/** The sockets of one database. */
export class WatchedSockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  open(target: SocketTarget, silenceMs: number): Socket {
    // By no listener: the driver takes all of them off before it speaks TLS.
    for (const socket of this.#open) if (socket.destroyed) this.#open.delete(socket);
    const socket = connectWatched(target, silenceMs);
    this.#open.add(socket);
    // Not at once: the driver has yet to listen for its end.
    if (this.#closed) setImmediate(() => socket.destroy());
    return socket;
  }

  /**
   * For good. A pool that has ended leaves connections whose peer does not answer, and makes one that was waiting to be made again (postgres 3.4.9,
   * connection.js `terminate`, `reconnect`): either would keep the process.
   */
  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
  }
}

/**
 * The driver has no time-out for queries: on a half-open connection one would hang whatever statement_timeout says. So a socket that owes an
 * answer and says nothing for `silenceMs` is destroyed; its query fails and the next one reconnects. Idle connections stay. Under TLS the messages
 * cannot be seen, so there only TCP's own keep-alive watches.
 */
function connectWatched(target: SocketTarget, silenceMs: number): Socket {
  const socket = connectTo(target);
  if (target.ssl || silenceMs === 0) return socket;
  // Whatever was written owes an answer until as many ReadyForQuery have come as there were messages that end with one: the greeting, each
  // Sync, each simple Query (PostgreSQL protocol 3.0, message flow). A Flush in between is answered without.
  let owes = true;
  let rounds = 1;
  let greeted = false;
  const answered = followMessages((type) => {
    if (type === readyForQuery && --rounds === 0) owes = false;
  });
  const asked = followMessages((type) => {
    if (type === sync || type === query) rounds++;
  });
  const write = socket.write;
  socket.write = ((...args: Parameters<Socket["write"]>) => {
    const [chunk] = args;
    owes = true;
    // The greeting has no type byte, and goes out alone.
    if (greeted && chunk instanceof Uint8Array) asked(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    greeted = true;
    return write.apply(socket, args);
  }) as Socket["write"]; // passes everything on as it came
  socket.on("data", answered);
  socket.setTimeout(silenceMs, () => {
    if (owes) socket.destroy(timedOut("the database owes an answer"));
  });
  return socket;
}

const readyForQuery = "Z".charCodeAt(0);
const sync = "S".charCodeAt(0);
const query = "Q".charCodeAt(0);
/** A type byte and four of length, which counts itself. */
const headerLength = 5;

/** Follows the messages of one direction, of which chunks may hold parts, and tells the type of each when all of it has passed. */
export function followMessages(tell: (type: number) => void): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let bodyLeft = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (bodyLeft > 0) {
        const skipped = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= skipped;
        at += skipped;
      } else {
        const taken = chunk.subarray(at, at + headerLength - header.length);
        header = Buffer.concat([header, taken]);
        at += taken.length;
        if (header.length < headerLength) return;
        bodyLeft = header.readUInt32BE(1) - 4;
      }
      if (bodyLeft === 0 && header.length === headerLength) {
        tell(header[0] ?? 0);
        header = Buffer.alloc(0);
      }
    }
  };
}

let attempts = 0;

/**
 * The driver gets the socket while it still connects, and what it writes waits: a factory that fails leaves a connection of its pool connecting for
 * ever, whereas a socket that fails is a case that it knows. Of several hosts each attempt takes the next.
 */
function connectTo({ host, port, path }: SocketTarget): Socket {
  const turn = attempts++ % Math.max(host.length, 1);
  const socket = path ? connect({ path }) : connect({ host: host[turn] ?? "", port: port[turn] ?? 5432 });
  const timer = setTimeout(
    () => socket.destroy(timedOut("connecting to the database took too long")),
    connectTimeoutMs,
  );
  socket.once("connect", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
  // Otherwise the second of two small writes waits for the acknowledgement of the first, which TCP delays by 40 ms.
  return socket.setKeepAlive(true, 1_000).setNoDelay(true);
}

/** With the code by which store/errors.ts knows a lost connection. */
function timedOut(message: string): Error {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}
