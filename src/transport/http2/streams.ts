import type { Connection } from "./connection.js";
import type { FieldList } from "./fields.js";
import type { ErrorCode } from "./frames.js";

/**
 * Why a stream ended early: the peer reset it, the peer broke a rule, the connection has ended, or the server said by
 * GOAWAY that it has not looked at it.
 */
export type Reset = "peer" | "fault" | "connection" | "unprocessed";

/**
 * A request with its answer. One object for each, up to the handler: the layer above extends this class. It is idle, in
 * use, then over; both directions end on their own (RFC 9113 §5.1).
 */
export abstract class Stream {
  readonly connection: Connection;
  /** 0 until a client has sent its request. */
  id: number;
  /** Whether the peer has ended its direction, and whether we have. */
  remoteEnded = false;
  localEnded = false;
  /** Whether the stream has ended in both directions, or by a reset. */
  over = false;
  /** Whether the handler still runs: until `release`, the stream counts against the limit of concurrent ones. */
  held = true;
  /** Octets that the peer may still send. */
  receiveWindow: number;
  /** Octets that were consumed and not yet given back to `receiveWindow`. */
  uncredited = 0;
  /** Octets that we have sent less those that the peer has credited; the window is the peer's initial one less this. */
  outstanding = 0;
  /** Whether the head of the peer's message has arrived. */
  headSeen = false;
  /** By `content-length`; -1 without. */
  announced = -1;
  /** Octets of DATA that have arrived, without padding. */
  arrived = 0;
  /** Octets that wait for a window or for the socket, oldest first, and the offset in the first of them. */
  queue: Buffer[] | undefined = undefined;
  queueOffset = 0;
  queuedOctets = 0;
  /** The block that ends our direction once the queue is empty; without it, END_STREAM on the last DATA does. */
  trailers: Buffer | undefined = undefined;
  endQueued = false;
  /** Whether the stream is among those that wait for their turn to send. */
  waiting = false;
  /** Size of the fields that it keeps. */
  keptFields = 0;
  readonly openedAt: number;
  /** When progress was looked at last, and what has been sent since. */
  progressAt = 0;
  progress = 0;

  constructor(connection: Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.receiveWindow = connection.streamWindow;
    this.openedAt = connection.now;
  }

  /** Called with a valid head: the request, or the response without those of status 1xx. */
  abstract onHead(head: FieldList, isEnd: boolean): void;
  /**
   * Called with the octets `start` to `end`, which are valid until it returns. They are given back to the peer's window
   * by `credit`.
   */
  abstract onData(octets: Buffer, start: number, end: number, isEnd: boolean): void;
  /** Called with valid trailers; they end the peer's direction. */
  abstract onTrailers(trailers: FieldList): void;
  /** Called when the stream ended before both directions did, unless `reset` did it. Nothing is called after it. */
  abstract onReset(code: ErrorCode | number, why: Reset): void;
  /** Called when everything that was to be sent has left the queue. */
  onSent(): void {}
  /** Called about every second while the stream is in use. */
  onTick(_now: number): void {}

  /** Says that the handler has ended: the stream makes room for another one. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    if (this.over) this.connection.leave();
  }

  /** Gives octets back to the peer's window. */
  credit(octets: number): void {
    this.connection.creditStream(this, octets);
  }
}

/** Who ended a stream decides what frames on it mean (RFC 9113 §5.1, "closed"). */
export const enders = { unknown: 0, us: 1, peer: 2 } as const;

/** Frames may arrive late for about so many streams. */
const remembered = 256;

/** The streams in use, and who ended the last ones: never a set that grows. */
export class Streams {
  readonly live = new Map<number, Stream>();
  /** The highest id that the peer has used. Ids below that are not in use have ended. */
  highest = 0;
  readonly #endedIds = new Int32Array(remembered);
  readonly #endedBy = new Uint8Array(remembered);
  #next = 0;

  end(id: number, by: number): void {
    this.live.delete(id);
    this.#endedIds[this.#next] = id;
    this.#endedBy[this.#next] = by;
    this.#next = (this.#next + 1) % remembered;
  }

  /** Returns who ended a stream that is not in use; unknown when it has been forgotten, or was skipped. */
  endedBy(id: number): number {
    const index = this.#endedIds.lastIndexOf(id);
    return index < 0 ? enders.unknown : (this.#endedBy[index] as number);
  }
}
