import { emptyTableUpdate } from "../hpack/encoder.js";
import { turnOctets } from "./budgets.js";
import {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  flags,
  frameHeaderLength,
  frameTypes,
  maxFrameLength,
  maxWindow,
  writeFrameHeader,
  writeUint32,
} from "./frames.js";
import { Output } from "./output.js";
import { initialSettings } from "./settings.js";
import type { Stream } from "./streams.js";
import type { Wire } from "./wire.js";

/**
 * The outgoing half of a connection: writes frames, and lets DATA wait for the windows of the peer (RFC 9113 §5.2) and
 * for the socket.
 */
export abstract class Sender {
  readonly output: Output;
  /** Octets of all queues of streams. */
  queuedOctets = 0;
  protected readonly wire: Wire;
  /** The settings of the peer, which rule what may be sent. */
  protected readonly peer = initialSettings();
  #window = this.peer.initialWindowSize;
  /** Streams that have octets to send, in the order of their turns. */
  #waiting: Stream[] = [];

  constructor(wire: Wire) {
    this.wire = wire;
    this.output = new Output(wire);
  }

  /** Called when HEADERS or DATA are sent. */
  protected onSending(): void {}

  /** Called when we have ended our direction of a stream. */
  protected abstract localEnded(stream: Stream): void;

  /** Sends the head of a message. `block` is not kept. */
  sendHead(stream: Stream, block: Uint8Array, isEnd: boolean): void {
    if (stream.over || stream.localEnded) return;
    this.onSending();
    this.#writeBlock(stream.id, block, isEnd);
    if (isEnd) this.localEnded(stream);
  }

  /**
   * Sends octets, and first those of `prefix`, which is not kept; `octets` must not change afterwards. What no window
   * has room for waits.
   */
  sendData(stream: Stream, prefix: Buffer, octets: Buffer, isEnd = false): void {
    if (stream.over || stream.localEnded || stream.endQueued) return;
    const length = prefix.length + octets.length;
    const { output } = this;
    // An empty frame needs no window, not even when one is negative (RFC 9113 §6.9.2).
    const hasRoom =
      length === 0 ||
      (length <= maxFrameLength &&
        length <= this.#window &&
        length <= this.#windowOf(stream) &&
        !output.blocked &&
        output.pending < turnOctets);
    if (stream.queuedOctets === 0 && hasRoom) {
      this.onSending();
      this.#window -= length;
      stream.outstanding += length;
      output.reserve(frameHeaderLength);
      const frameFlags = isEnd ? flags.endStream : 0;
      output.used = writeFrameHeader(output.scratch, output.used, length, frameTypes.data, frameFlags, stream.id);
      output.add(prefix);
      output.add(octets);
      if (isEnd) this.localEnded(stream);
      return;
    }
    stream.queue ??= [];
    if (prefix.length > 0) stream.queue.push(Buffer.from(prefix));
    if (octets.length > 0) stream.queue.push(octets);
    stream.queuedOctets += length;
    this.queuedOctets += length;
    stream.endQueued = isEnd;
    this.#wait(stream);
  }

  /** Ends our direction by trailers, once everything before has been sent. */
  sendTrailers(stream: Stream, block: Buffer): void {
    if (stream.over || stream.localEnded || stream.endQueued) return;
    if (stream.queuedOctets === 0) {
      this.sendHead(stream, block, true);
      return;
    }
    stream.trailers = block;
    stream.endQueued = true;
  }

  protected sendPing(payload: Buffer): void {
    this.output.reserve(frameHeaderLength + 8);
    this.output.used = writeFrameHeader(this.output.scratch, this.output.used, 8, frameTypes.ping, 0, 0);
    this.output.add(payload);
  }

  protected sendGoaway(lastId: number, code: ErrorCode, text = ""): void {
    const debug = Buffer.from(text, "latin1");
    this.output.reserve(frameHeaderLength + 8 + debug.length);
    const { output } = this;
    let at = writeFrameHeader(output.scratch, output.used, 8 + debug.length, frameTypes.goaway, 0, 0);
    at = writeUint32(output.scratch, at, lastId);
    output.used = writeUint32(output.scratch, at, code);
    output.add(debug);
  }

  protected sendReset(id: number, code: ErrorCode): void {
    const { output } = this;
    output.reserve(frameHeaderLength + 4);
    const at = writeFrameHeader(output.scratch, output.used, 4, frameTypes.rstStream, 0, id);
    output.used = writeUint32(output.scratch, at, code);
  }

  protected sendWindowUpdate(id: number, increment: number): void {
    const { output } = this;
    output.reserve(frameHeaderLength + 4);
    const at = writeFrameHeader(output.scratch, output.used, 4, frameTypes.windowUpdate, 0, id);
    output.used = writeUint32(output.scratch, at, increment);
  }

  /** Whether octets wait that could be sent in the next turn. */
  protected get hasMore(): boolean {
    return this.#waiting.length > 0 && !this.output.blocked && this.#window > 0;
  }

  /** Takes credit of the peer for the connection. */
  protected widen(increment: number): void {
    // May be above 2^31, which a double holds.
    this.#window += increment;
    if (this.#window > maxWindow) throw windowTooLarge();
  }

  /** Takes credit of the peer for a stream. Returns false when that is more than a window may have. */
  protected widenStream(stream: Stream, increment: number): boolean {
    stream.outstanding -= increment;
    if (this.#windowOf(stream) > maxWindow) return false;
    if (stream.queuedOctets > 0) this.#wait(stream);
    return true;
  }

  /** Called when the peer's initial window has become larger: streams may have room now. */
  protected widenStreams(streams: Iterable<Stream>): void {
    for (const stream of streams) if (!this.widenStream(stream, 0)) throw windowTooLarge();
  }

  /** Drops what a stream has not sent. */
  protected drop(stream: Stream): void {
    this.queuedOctets -= stream.queuedOctets;
    stream.queue = undefined;
    stream.queuedOctets = 0;
    stream.trailers = undefined;
    stream.endQueued = false;
  }

  #windowOf(stream: Stream): number {
    return this.peer.initialWindowSize - stream.outstanding;
  }

  #wait(stream: Stream): void {
    if (stream.waiting) return;
    stream.waiting = true;
    this.#waiting.push(stream);
    this.output.reserve(0);
  }

  /** Lets each waiting stream send up to a frame in its turn. */
  protected pump(): void {
    const { output } = this;
    while (this.#waiting.length > 0 && this.#window > 0 && !output.blocked && output.pending < turnOctets) {
      const stream = this.#waiting.shift() as Stream;
      stream.waiting = false;
      if (stream.over) continue;
      const first = stream.queue?.[0];
      if (first === undefined) {
        this.#endQueue(stream);
        continue;
      }
      const room = Math.min(this.#windowOf(stream), this.#window, maxFrameLength);
      // The peer's next WINDOW_UPDATE or SETTINGS makes it wait again.
      if (room <= 0) continue;
      this.#sendPart(stream, first, Math.min(room, first.length - stream.queueOffset));
      if (stream.queuedOctets > 0) this.#wait(stream);
      else this.#endQueue(stream);
    }
  }

  #sendPart(stream: Stream, first: Buffer, length: number): void {
    const { output } = this;
    const end = stream.queueOffset + length;
    const isLast = length === stream.queuedOctets && stream.endQueued && !stream.trailers;
    this.onSending();
    output.reserve(frameHeaderLength);
    const frameFlags = isLast ? flags.endStream : 0;
    output.used = writeFrameHeader(output.scratch, output.used, length, frameTypes.data, frameFlags, stream.id);
    output.add(first.subarray(stream.queueOffset, end));
    if (end === first.length) {
      stream.queue?.shift();
      stream.queueOffset = 0;
    } else {
      stream.queueOffset = end;
    }
    stream.outstanding += length;
    stream.progress += length;
    stream.queuedOctets -= length;
    this.#window -= length;
    this.queuedOctets -= length;
  }

  #endQueue(stream: Stream): void {
    stream.progressAt = 0;
    const { trailers, endQueued } = stream;
    stream.trailers = undefined;
    stream.endQueued = false;
    if (trailers) this.sendHead(stream, trailers, true);
    else if (endQueued) this.localEnded(stream);
    else stream.onSent();
  }

  #writeBlock(id: number, block: Uint8Array, isEnd: boolean): void {
    const { output } = this;
    // Our table of fields is always empty, but decoders demand to be told so once theirs became smaller (RFC 9113
    // §4.3.1): nghttp2 ends the connection otherwise.
    const update = this.peer.tableShrank ? 1 : 0;
    this.peer.tableShrank = false;
    const first = Math.min(block.length, maxFrameLength - update);
    const isWhole = first === block.length;
    const frameFlags = (isEnd ? flags.endStream : 0) | (isWhole ? flags.endHeaders : 0);
    output.reserve(frameHeaderLength + update);
    output.used = writeFrameHeader(output.scratch, output.used, first + update, frameTypes.headers, frameFlags, id);
    if (update) output.scratch[output.used++] = emptyTableUpdate;
    output.add(isWhole ? (block as Buffer) : Buffer.from(block.subarray(0, first)));
    for (let at = first; at < block.length; at += maxFrameLength) {
      const part = Buffer.from(block.subarray(at, at + maxFrameLength));
      const isLast = at + part.length === block.length;
      output.reserve(frameHeaderLength);
      output.used = writeFrameHeader(
        output.scratch,
        output.used,
        part.length,
        frameTypes.continuation,
        isLast ? flags.endHeaders : 0,
        id,
      );
      output.add(part);
    }
  }
}

function windowTooLarge(): ConnectionError {
  return new ConnectionError(errorCodes.flowControlError, "window too large");
}
