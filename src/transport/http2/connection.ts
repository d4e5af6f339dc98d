import { HpackDecoder, HpackError } from "../hpack/decoder.js";
import {
  Bucket,
  blockTimeMs,
  budgets,
  calm,
  drainTimeMs,
  leastProgress,
  maxBlockFrames,
  maxBlockLength,
  maxDecodedFields,
  maxDecodedSize,
  maxFieldListSize,
  maxFields,
  maxUnreadReplies,
  progressTimeMs,
  turnCalls,
  turnOctets,
} from "./budgets.js";
import { FieldList } from "./fields.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  flags,
  frameHeaderLength,
  frameTypes,
  readUint31,
  readUint32,
  type Violation,
  writeFrameHeader,
} from "./frames.js";
import { Sender } from "./sender.js";
import { applySettings, initialSettings, settingsAck } from "./settings.js";
import { enders, type Stream, Streams } from "./streams.js";
import type { Wire } from "./wire.js";

/** opening: no SETTINGS of the peer yet. draining: no new streams. closing: GOAWAY was sent, input is discarded. */
export type ConnectionState = "opening" | "open" | "draining" | "closing" | "closed";

/** Why a connection was closed: a violation, or `age`, `idle`, `drain`, `dead`, `peer`. */
export type Closure = Violation | "age" | "idle" | "drain" | "dead" | "peer";

export interface ConnectionEvents {
  /** Called once when the connection begins to close. Must not throw. */
  closed(closure: Closure): void;
  /** Called with what was thrown by a handler's callback, or by a defect here. Must not throw. */
  failed(thrown: unknown): void;
}

export interface Windows {
  /** Octets that the peer may send on a stream, and on all together, before we give credit. */
  readonly stream: number;
  readonly connection: number;
}

/** A header block that needs more than its first frame. */
interface OpenBlock {
  readonly streamId: number;
  readonly isEnd: boolean;
  readonly isSelfDependent: boolean;
  readonly since: number;
  readonly parts: Buffer[];
  length: number;
  emptyFrames: number;
}

/** How long a peer may take to read our GOAWAY and to close, milliseconds: then the socket is destroyed. */
const closeTimeMs = 1_000;

/** How long a peer may take to send its first SETTINGS, and to acknowledge ours, milliseconds. */
const defaultHelloMs = 10_000;

const blockLimits = {
  listSize: maxFieldListSize,
  fields: maxFields,
  decoded: maxDecodedSize,
  decodedFields: maxDecodedFields,
};

/**
 * One end of an HTTP/2 connection (RFC 9113), without I/O: octets and instants come in by `receive`, `drained` and
 * `tick`, and octets leave by the wire. All of them run on one thread, and this is the one owner of what is sent.
 */
export abstract class Connection extends Sender implements FrameSink {
  readonly streamWindow: number;
  readonly streams = new Streams();
  state: ConnectionState = "opening";
  /** The instant of the last event, in milliseconds of a clock that never goes back. */
  now: number;
  /** When octets were read last. */
  readAt: number;
  /** Streams in use, and handlers that still run. */
  active = 0;
  /** Octets of the fields that streams in use keep. */
  keptFields = 0;
  /** Octets of messages that have not been handed on, as the layer above counts. */
  assembledOctets = 0;
  protected readonly events: ConnectionEvents;
  /** Streams begun in this turn of the event loop. */
  protected begun = 0;
  readonly #reader = new FrameReader(this);
  readonly #decoder = new HpackDecoder(blockLimits);
  readonly #windows: Windows;
  readonly #openedAt: number;
  readonly #helloMs: number;
  readonly #faults = new Bucket(budgets.faults);
  readonly #excesses = new Bucket(budgets.excesses);
  readonly #settings = new Bucket(budgets.settings);
  readonly #emptyData = new Bucket(budgets.emptyData);
  #block: OpenBlock | undefined;
  /** Our SETTINGS frames that the peer has not acknowledged. */
  #unacknowledged = 1;
  #uncredited = 0;
  #isPaused = false;
  #turnComes = false;
  #closingAt = 0;
  #lingers = false;

  constructor(wire: Wire, windows: Windows, events: ConnectionEvents, now: number, helloMs = defaultHelloMs) {
    super(wire);
    this.events = events;
    this.now = now;
    this.readAt = now;
    this.#openedAt = now;
    this.#helloMs = helloMs;
    this.streamWindow = windows.stream;
    this.#windows = windows;
  }

  /** Called with a head on a stream that is not in use. */
  protected abstract onNewHead(id: number, head: FieldList, isEnd: boolean, isSelfDependent: boolean): void;
  /** Called with a head or trailers on a stream in use. */
  protected abstract onNextHead(stream: Stream, head: FieldList, isEnd: boolean): void;
  /** Called when the peer has ended its direction, or we have ended ours, while the other one is open. */
  protected abstract onHalfEnded(stream: Stream): void;
  protected abstract onGoaway(lastId: number, code: number): void;
  /** Called when the peer has reset a stream in use. */
  protected abstract onPeerReset(): void;
  protected abstract onPing(): void;
  protected abstract onPingAcknowledged(): void;
  /** Called when the peer's first SETTINGS have been applied. */
  protected abstract onOpen(): void;
  /** Called when one more stream may be used. */
  protected abstract onRoom(): void;
  /** The highest stream of the peer that was or may have been handled. */
  protected abstract readonly lastHandled: number;
  /** Whether frames on a stream that is not in use may be those that were on their way when we ended it. */
  protected abstract mayBeLate(id: number): boolean;
  /** Whether an id may still be used by its side for a new stream. */
  protected abstract isIdle(id: number): boolean;

  /** Octets in memory because of this connection. */
  get memory(): number {
    const received = this.#reader.held + (this.#block?.length ?? 0) + this.keptFields + this.assembledOctets;
    return received + this.queuedOctets + this.output.unsent;
  }

  /** The most octets of fields that the peer takes, by the count of RFC 9113 §6.5.2. */
  get maxFieldListSize(): number {
    return this.peer.maxHeaderListSize;
  }

  // --- What comes in -------------------------------------------------------------------------------------------------

  receive(chunk: Buffer, now: number): void {
    this.now = now;
    this.readAt = now;
    if (this.state === "closing" || this.state === "closed") return;
    this.begun = 0;
    this.#run(() => this.#reader.read(chunk), chunk.length >= turnOctets);
  }

  /** Goes on in the next turn of the event loop, after `Wire.turnSoon`. */
  turn(now: number): void {
    this.now = now;
    this.#turnComes = false;
    this.begun = 0;
    if (this.state === "closing" || this.state === "closed") return;
    if (this.#isPaused) this.#run(() => this.#reader.readOn(), false);
    else this.flush(now);
  }

  /** Called when the socket has taken everything. */
  drained(now: number): void {
    this.now = now;
    this.output.drained();
    this.flush(now);
    if (this.#isPaused) this.#turnSoon();
  }

  /** Called when the peer has closed its side or the socket has gone. */
  ended(now: number): void {
    this.now = now;
    if (this.state === "closed") return;
    if (this.state !== "closing") this.events.closed("peer");
    this.state = "closed";
    this.output.clear();
    this.#endAll();
    this.wire.destroy();
  }

  /** Sends what has been written. */
  flush(now: number): void {
    this.now = now;
    this.pump();
    this.output.flush(now);
    if (this.hasMore) this.#turnSoon();
  }

  /** Called about every quarter of a second: everything that waits ends in time. */
  tick(now: number): void {
    this.now = now;
    if (this.state === "closed") return;
    if (this.state === "closing") {
      this.#endClosing(now);
      return;
    }
    try {
      this.onTick(now);
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.flush(now);
  }

  /** Ends a connection that has been closing for long enough: at once, the peer could lose what it has not read. */
  #endClosing(now: number): void {
    const isPatient = this.#lingers && now - this.#closingAt < drainTimeMs;
    if (isPatient && this.wire.unsent > 0) return;
    // A peer that still sends still reads.
    const since = isPatient ? Math.max(this.#closingAt, this.readAt) : this.#closingAt;
    if (now - since >= closeTimeMs) this.ended(now);
  }

  protected onTick(now: number): void {
    if (this.state === "opening" && now - this.#openedAt >= this.#helloMs) throw calm("hello", "no SETTINGS");
    if (this.#unacknowledged > 0 && now - this.#openedAt >= this.#helloMs) {
      throw new ConnectionError(errorCodes.settingsTimeout, "SETTINGS not acknowledged", "hello");
    }
    if (this.#block && now - this.#block.since >= blockTimeMs) throw calm("header_block", "slow header block");
    if (this.output.blocked && now - this.output.blockedAt >= drainTimeMs) {
      this.destroy("unread");
      return;
    }
    for (const stream of this.streams.live.values()) {
      if (stream.queuedOctets > 0 || stream.endQueued) this.#watchProgress(stream, now);
      if (!stream.over) stream.onTick(now);
    }
  }

  #watchProgress(stream: Stream, now: number): void {
    if (stream.progressAt === 0) {
      stream.progressAt = now;
      stream.progress = 0;
    } else if (now - stream.progressAt >= progressTimeMs) {
      if (stream.progress >= leastProgress) {
        stream.progressAt = now;
        stream.progress = 0;
      } else {
        this.resetStream(stream, errorCodes.cancel);
        stream.onReset(errorCodes.cancel, "peer");
      }
    }
  }

  #run(read: () => boolean, isFull: boolean): void {
    this.output.flushComes = true;
    let isWhole = false;
    try {
      isWhole = read();
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.onRead();
    if (this.state === "closing" || this.state === "closed") return;
    if (isWhole && !isFull) {
      if (this.#isPaused) {
        this.#isPaused = false;
        this.wire.resume();
      }
      return;
    }
    if (!this.#isPaused) {
      this.#isPaused = true;
      this.wire.pause();
    }
    // Otherwise `drained` goes on.
    if (this.output.replies <= maxUnreadReplies) this.#turnSoon();
  }

  #turnSoon(): void {
    if (this.#turnComes) return;
    this.#turnComes = true;
    this.wire.turnSoon();
  }

  /** Takes a frame. Returns false when this turn has had its share. */
  frame(type: number, frameFlags: number, id: number, octets: Buffer, start: number, end: number): boolean {
    if (this.#block && (type !== frameTypes.continuation || id !== this.#block.streamId)) {
      throw violated("a header block is not finished");
    }
    if (this.state === "opening" && type !== frameTypes.settings) throw violated("the first frame is not SETTINGS");
    switch (type) {
      case frameTypes.data:
        this.#onData(frameFlags, id, octets, start, end);
        break;
      case frameTypes.headers:
        this.#onHeaders(frameFlags, id, octets, start, end);
        break;
      case frameTypes.priority:
        this.#onPriority(id, octets, start, end);
        break;
      case frameTypes.rstStream:
        this.#onRstStream(id, octets, start, end);
        break;
      case frameTypes.settings:
        this.#onSettings(frameFlags, id, octets, start, end);
        break;
      case frameTypes.pushPromise:
        throw violated("PUSH_PROMISE");
      case frameTypes.ping:
        this.#onPing(frameFlags, id, octets, start, end);
        break;
      case frameTypes.goaway:
        if (id !== 0) throw violated("GOAWAY on a stream");
        if (end - start < 8) throw badLength("GOAWAY");
        this.onGoaway(readUint31(octets, start), readUint32(octets, start + 4));
        break;
      case frameTypes.windowUpdate:
        this.#onWindowUpdate(id, octets, start, end);
        break;
      case frameTypes.continuation:
        this.#onContinuation(frameFlags, octets, start, end);
        break;
    }
    // A callback may have closed the connection.
    if (this.state === "closing" || this.state === "closed") return false;
    return this.begun < turnCalls && this.output.replies <= maxUnreadReplies;
  }

  #onData(frameFlags: number, id: number, octets: Buffer, from: number, to: number): void {
    if (id === 0) throw violated("DATA on stream 0");
    this.onHeard();
    const length = to - from;
    // Given back at once, whatever becomes of the stream: otherwise messages that are sent by halves would stop all.
    this.#creditConnection(length);
    let start = from;
    let end = to;
    if (frameFlags & flags.padded) {
      const padding = length > 0 ? (octets[from] as number) : 0;
      if (padding >= length) throw violated("padding too long");
      start++;
      end -= padding;
    }
    const stream = this.streams.live.get(id);
    if (!stream) {
      if (this.isIdle(id)) throw violated("DATA on an idle stream");
      if (!this.mayBeLate(id)) this.fault(id, errorCodes.streamClosed);
      return;
    }
    if (stream.remoteEnded) {
      this.fault(id, errorCodes.streamClosed, stream);
      return;
    }
    if (!stream.headSeen) {
      this.fault(id, errorCodes.protocolError, stream);
      return;
    }
    if (length > stream.receiveWindow) {
      this.fault(id, errorCodes.flowControlError, stream);
      return;
    }
    stream.receiveWindow -= length;
    const isEnd = (frameFlags & flags.endStream) !== 0;
    const payload = end - start;
    if (payload === 0 && !isEnd) this.#emptyData.take(this.now);
    stream.arrived += payload;
    if (stream.announced >= 0 && (isEnd ? stream.arrived !== stream.announced : stream.arrived > stream.announced)) {
      this.fault(id, errorCodes.protocolError, stream);
      return;
    }
    if (length !== payload && !isEnd) this.creditStream(stream, length - payload);
    stream.remoteEnded = isEnd;
    stream.onData(octets, start, end, isEnd);
    if (isEnd) this.remoteEnded(stream);
  }

  #onHeaders(frameFlags: number, id: number, octets: Buffer, from: number, to: number): void {
    if (id === 0) throw violated("HEADERS on stream 0");
    let start = from;
    let end = to;
    let isSelfDependent = false;
    const fixed = (frameFlags & flags.padded ? 1 : 0) + (frameFlags & flags.priority ? 5 : 0);
    if (end - start < fixed) throw badLength("HEADERS");
    if (frameFlags & flags.padded) end -= octets[start++] as number;
    if (frameFlags & flags.priority) {
      isSelfDependent = readUint31(octets, start) === id;
      start += 5;
    }
    if (end < start) throw violated("padding too long");
    const isEnd = (frameFlags & flags.endStream) !== 0;
    if (frameFlags & flags.endHeaders) {
      this.#onBlock(id, octets, start, end, isEnd, isSelfDependent);
      return;
    }
    const part = Buffer.from(octets.subarray(start, end));
    this.#block = {
      streamId: id,
      isEnd,
      isSelfDependent,
      since: this.now,
      parts: [part],
      length: part.length,
      emptyFrames: 0,
    };
  }

  #onContinuation(frameFlags: number, octets: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (!block) throw violated("CONTINUATION without HEADERS");
    if (start === end && ++block.emptyFrames > 1) throw calm("header_block", "empty CONTINUATION");
    block.length += end - start;
    if (block.parts.length >= maxBlockFrames || block.length > maxBlockLength) {
      throw calm("header_block", `header block over ${maxBlockLength} bytes or ${maxBlockFrames} frames`);
    }
    block.parts.push(Buffer.from(octets.subarray(start, end)));
    if (!(frameFlags & flags.endHeaders)) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.parts, block.length);
    this.#onBlock(block.streamId, whole, 0, block.length, block.isEnd, block.isSelfDependent);
  }

  /** Decodes every block, also one that nobody wants: the table of fields belongs to the connection. */
  #onBlock(id: number, octets: Buffer, start: number, end: number, isEnd: boolean, isSelfDependent: boolean): void {
    this.onHeard();
    const head = new FieldList();
    try {
      head.isWhole = this.#decoder.decode(octets, start, end, head);
    } catch (thrown) {
      if (!(thrown instanceof HpackError)) throw thrown;
      throw thrown.flood
        ? calm("header_block", "too many fields")
        : new ConnectionError(errorCodes.compressionError, "bad header block");
    }
    if (!head.isWhole) this.#excesses.take(this.now);
    const stream = this.streams.live.get(id);
    if (!stream) {
      this.onNewHead(id, head, isEnd, isSelfDependent);
      return;
    }
    if (stream.remoteEnded) {
      this.fault(id, errorCodes.streamClosed, stream);
      return;
    }
    if (isSelfDependent) {
      this.fault(id, errorCodes.protocolError, stream);
      return;
    }
    this.onNextHead(stream, head, isEnd);
  }

  /** Takes the trailers of a stream in use. */
  protected takeTrailers(stream: Stream, trailers: FieldList, isEnd: boolean): void {
    const isShort = stream.announced >= 0 && stream.arrived !== stream.announced;
    if (!isEnd || isShort || trailers.trailersProblem() !== undefined) {
      this.fault(stream.id, errorCodes.protocolError, stream);
      return;
    }
    stream.remoteEnded = true;
    stream.onTrailers(trailers);
    this.remoteEnded(stream);
  }

  #onPriority(id: number, octets: Buffer, start: number, end: number): void {
    if (id === 0) throw violated("PRIORITY on stream 0");
    const isBadLength = end - start !== 5;
    if (!isBadLength && readUint31(octets, start) !== id) return;
    const code = isBadLength ? errorCodes.frameSizeError : errorCodes.protocolError;
    const stream = this.streams.live.get(id);
    // An idle stream cannot be reset (RFC 9113 §6.4).
    if (this.isIdle(id)) throw new ConnectionError(code, "bad PRIORITY");
    this.fault(id, code, stream);
  }

  #onRstStream(id: number, octets: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw badLength("RST_STREAM");
    if (id === 0 || this.isIdle(id)) throw violated("RST_STREAM on an idle stream");
    const stream = this.streams.live.get(id);
    if (!stream) return;
    this.onPeerReset();
    this.#over(stream, enders.peer);
    stream.onReset(readUint32(octets, start), "peer");
  }

  #onSettings(frameFlags: number, id: number, octets: Buffer, start: number, end: number): void {
    if (id !== 0) throw violated("SETTINGS on a stream");
    if (frameFlags & flags.ack) {
      if (end > start) throw badLength("SETTINGS");
      if (this.state === "opening") throw violated("the first frame is not SETTINGS");
      if (this.#unacknowledged === 0) throw violated("SETTINGS nobody sent are acknowledged");
      this.#unacknowledged--;
      return;
    }
    this.#settings.take(this.now);
    const { initialWindowSize } = this.peer;
    applySettings(this.peer, this.peerRole, octets, start, end);
    if (this.peer.initialWindowSize > initialWindowSize) this.widenStreams(this.streams.live.values());
    this.#reply(settingsAck);
    if (this.state === "opening") {
      this.state = "open";
      this.onOpen();
    }
    this.onRoom();
  }

  #onPing(frameFlags: number, id: number, octets: Buffer, start: number, end: number): void {
    if (end - start !== 8) throw badLength("PING");
    if (id !== 0) throw violated("PING on a stream");
    if (frameFlags & flags.ack) {
      this.onPingAcknowledged();
      return;
    }
    this.onPing();
    const reply = Buffer.allocUnsafe(frameHeaderLength + 8);
    const at = writeFrameHeader(reply, 0, 8, frameTypes.ping, flags.ack, 0);
    octets.copy(reply, at, start, end);
    this.#reply(reply);
  }

  #onWindowUpdate(id: number, octets: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw badLength("WINDOW_UPDATE");
    const increment = readUint31(octets, start);
    if (id === 0) {
      if (increment === 0) throw violated("WINDOW_UPDATE of 0");
      this.widen(increment);
      return;
    }
    const stream = this.streams.live.get(id);
    if (!stream) {
      if (this.isIdle(id)) throw violated("WINDOW_UPDATE on an idle stream");
      return;
    }
    if (increment === 0) {
      this.fault(id, errorCodes.protocolError, stream);
      return;
    }
    if (!this.widenStream(stream, increment)) this.fault(id, errorCodes.flowControlError, stream);
  }

  // --- What goes out -------------------------------------------------------------------------------------------------

  /** Ends both directions at once. The layer above is not called. */
  resetStream(stream: Stream, code: ErrorCode): void {
    if (stream.over) return;
    this.sendReset(stream.id, code);
    this.#over(stream, enders.us);
  }

  /** Gives octets back to a stream's window, in an update for at least a quarter of it. */
  creditStream(stream: Stream, octets: number): void {
    if (stream.over || stream.remoteEnded) return;
    stream.uncredited += octets;
    if (stream.uncredited * 4 < this.streamWindow) return;
    this.sendWindowUpdate(stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  /** Makes room for another stream. */
  leave(): void {
    this.active--;
    if (this.state !== "closing" && this.state !== "closed") this.onRoom();
  }

  /** Called when a chunk, or the rest of one, has been read. Must flush, now or soon. */
  protected onRead(): void {
    this.flush(this.now);
  }

  /** Called when HEADERS or DATA have arrived. */
  protected onHeard(): void {}

  /** Resets a stream for a fault of the peer. */
  protected fault(id: number, code: ErrorCode, stream?: Stream): void {
    this.#faults.take(this.now);
    this.sendReset(id, code);
    if (!stream) return;
    this.#over(stream, enders.us);
    stream.onReset(code, "fault");
  }

  /** Refuses a stream that was never in use. */
  protected refuse(id: number, code: ErrorCode): void {
    this.streams.end(id, enders.us);
    this.sendReset(id, code);
  }

  /** Ends a stream of ours that the server has not looked at. */
  protected endUnprocessed(stream: Stream, code: number): void {
    this.#over(stream, enders.us);
    stream.onReset(code, "unprocessed");
  }

  protected begin(stream: Stream): void {
    this.streams.live.set(stream.id, stream);
    this.active++;
    this.begun++;
  }

  /** Sends our part of a connection's beginning; SETTINGS first. */
  protected greet(octets: Buffer): void {
    this.output.add(octets);
    const extra = this.#windows.connection - initialSettings().initialWindowSize;
    if (extra > 0) this.sendWindowUpdate(0, extra);
  }

  /** Closes: what was written is sent, then GOAWAY; input is discarded until the peer closes or a second is over. */
  protected close(code: ErrorCode, text: string, closure: Closure): void {
    if (this.state === "closing" || this.state === "closed") return;
    this.sendGoaway(this.lastHandled, code, text);
    this.finish(closure);
  }

  /** Lets the peer read the answers that it has, however slow its line is, when the connection closes next. */
  protected linger(): void {
    this.#lingers = true;
  }

  /** The same without GOAWAY. */
  protected finish(closure: Closure): void {
    if (this.state === "closing" || this.state === "closed") return;
    this.events.closed(closure);
    this.state = "closing";
    this.#closingAt = this.now;
    this.#block = undefined;
    this.#endAll();
    this.output.flush(this.now);
    this.wire.end();
    // Unread input would make the system send RST, and the peer might lose the GOAWAY.
    if (this.#isPaused) this.wire.resume();
  }

  /** Closes without a word, for peers that cannot hear one. */
  destroy(closure: Closure): void {
    if (this.state === "closed") return;
    if (this.state !== "closing") this.events.closed(closure);
    this.state = "closing";
    this.ended(this.now);
  }

  protected abstract readonly peerRole: "client" | "server";

  #fail(thrown: unknown): void {
    if (thrown instanceof ConnectionError) {
      this.close(thrown.code, thrown.message, thrown.violation);
      return;
    }
    this.events.failed(thrown);
    this.close(errorCodes.internalError, "internal error", "internal");
  }

  #endAll(): void {
    for (const stream of [...this.streams.live.values()]) {
      this.#over(stream, enders.us);
      try {
        stream.onReset(errorCodes.internalError, "connection");
      } catch (thrown) {
        this.events.failed(thrown);
      }
    }
  }

  protected remoteEnded(stream: Stream): void {
    if (stream.over) return;
    if (stream.localEnded) this.#over(stream, enders.peer);
    else this.onHalfEnded(stream);
  }

  protected localEnded(stream: Stream): void {
    stream.localEnded = true;
    if (stream.remoteEnded) this.#over(stream, enders.peer);
    else this.onHalfEnded(stream);
  }

  #over(stream: Stream, by: number): void {
    if (stream.over) return;
    stream.over = true;
    this.streams.end(stream.id, by);
    this.drop(stream);
    this.keptFields -= stream.keptFields;
    if (!stream.held) this.leave();
  }

  #creditConnection(octets: number): void {
    this.#uncredited += octets;
    if (this.#uncredited * 4 < this.#windows.connection) return;
    this.sendWindowUpdate(0, this.#uncredited);
    this.#uncredited = 0;
  }

  #reply(frame: Buffer): void {
    this.output.add(frame);
    if (++this.output.replies <= maxUnreadReplies) return;
    this.output.flush(this.now);
    this.output.flushComes = true;
  }
}

function violated(text: string): ConnectionError {
  return new ConnectionError(errorCodes.protocolError, text);
}

function badLength(frame: string): ConnectionError {
  return new ConnectionError(errorCodes.frameSizeError, `bad length of ${frame}`);
}
