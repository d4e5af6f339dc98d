import { maxFieldListSize } from "./budgets.js";
import { type Closure, Connection, type ConnectionEvents } from "./connection.js";
import type { FieldList } from "./fields.js";
import { ConnectionError, errorCodes, maxStreamId } from "./frames.js";
import { preface } from "./preface.js";
import { settingsFrame } from "./settings.js";
import { enders, type Stream } from "./streams.js";
import type { Wire } from "./wire.js";

export interface ClientConnectionEvents extends ConnectionEvents {
  /** Called once when the server has sent its SETTINGS: streams may begin. */
  opened(): void;
  /** Called when there may be room for another stream. */
  room(): void;
  /**
   * Called once when no more streams may begin on this connection: the server has said so, or ids come to their end.
   * Those in use may finish.
   */
  leaving(): void;
}

/** Answers of 4 MiB need few updates; one list that nobody reads must not stop the others. */
const windows = { stream: 1024 * 1024, connection: 16 * 1024 * 1024 };

/** A new connection is made before ids end. */
const lastComfortableId = 0.75 * 2 ** 31;

/**
 * Nothing was read for this time since a call was sent: one PING. Nothing within the same time after it: the peer is
 * dead.
 */
const silenceMs = 1_000;

/** Servers that count pings, as OpenFGA, allow one in this time even without a message of theirs since the last. */
const probeSpacingMs = 5 * 60_000;

const probePayload = Buffer.from("anybody?", "latin1");

/** The client's end of a connection. It opens streams; there is no push. */
export class ClientConnection extends Connection {
  protected readonly peerRole = "server";
  protected readonly lastHandled = 0;
  readonly #events: ClientConnectionEvents;
  /** Whether the server has answered a call. */
  answered = false;
  private nextId = 1;
  /** The ids below have been handed to the socket. */
  #writtenBelow = 1;
  /** The highest stream that the server may answer. */
  #lastAnswered = maxStreamId;
  /** When the first call was sent after what was read last. */
  #askedAt = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** Whether the server has sent a message since the last probe: it ends connections that probe more often. */
  #heard = true;

  constructor(wire: Wire, events: ClientConnectionEvents, now: number) {
    super(wire, windows, events, now);
    this.#events = events;
    const settings = settingsFrame({
      enablePush: 0,
      initialWindowSize: windows.stream,
      maxHeaderListSize: maxFieldListSize,
    });
    this.greet(Buffer.concat([preface, settings]));
    this.output.flush(now);
  }

  /** Whether `start` may be called. */
  get hasRoom(): boolean {
    return this.state === "open" && this.active < this.peer.maxConcurrentStreams;
  }

  /** Whether the server can have seen any of a stream. */
  wasWritten(id: number): boolean {
    return id < this.#writtenBelow;
  }

  /** Begins a stream; its data is sent by `sendData`. There must be room. `block` is not kept. */
  start(stream: Stream, block: Uint8Array, now: number): void {
    this.now = now;
    stream.id = this.nextId;
    this.nextId += 2;
    stream.held = false;
    if (this.#askedAt <= this.readAt) this.#askedAt = now;
    this.begin(stream);
    this.sendHead(stream, block, false);
    if (this.nextId >= lastComfortableId) this.#leave();
  }

  override flush(now: number): void {
    super.flush(now);
    this.#writtenBelow = this.nextId;
  }

  protected override finish(closure: Closure): void {
    // The octets in the output are still sent.
    this.#writtenBelow = this.nextId;
    super.finish(closure);
  }

  /** Begins no more streams, and closes once those in use have ended. */
  retire(now: number): void {
    this.now = now;
    if (this.state === "open") this.state = "draining";
    this.#closeWhenDone();
  }

  /** Says goodbye and ends all streams. */
  goodbye(now: number): void {
    this.now = now;
    this.close(errorCodes.noError, "", "drain");
  }

  protected onNewHead(id: number): void {
    if (this.isIdle(id)) throw new ConnectionError(errorCodes.protocolError, "HEADERS on an idle stream");
    if (this.mayBeLate(id)) return;
    throw new ConnectionError(errorCodes.streamClosed, "HEADERS on a closed stream");
  }

  protected onNextHead(stream: Stream, head: FieldList, isEnd: boolean): void {
    if (stream.headSeen) {
      this.takeTrailers(stream, head, isEnd);
      return;
    }
    const isInformational = head.status?.charCodeAt(0) === one;
    if (head.responseProblem() !== undefined || (isInformational && isEnd) || (isEnd && head.contentLength > 0)) {
      this.fault(stream.id, errorCodes.protocolError, stream);
      return;
    }
    if (isInformational) return;
    this.answered = true;
    stream.headSeen = true;
    stream.announced = head.contentLength;
    stream.remoteEnded = isEnd;
    stream.onHead(head, isEnd);
    if (isEnd) this.remoteEnded(stream);
  }

  protected onHalfEnded(stream: Stream): void {
    // The answer is complete, and the rest of the request is not wanted.
    if (stream.remoteEnded) this.resetStream(stream, errorCodes.noError);
  }

  protected onGoaway(lastId: number, code: number): void {
    if (lastId > this.#lastAnswered) throw new ConnectionError(errorCodes.protocolError, "GOAWAY raises its id");
    this.#lastAnswered = lastId;
    const isFirst = this.state === "open";
    this.state = "draining";
    for (const stream of [...this.streams.live.values()]) {
      if (stream.id > lastId) this.endUnprocessed(stream, code);
    }
    if (isFirst) this.#events.leaving();
    this.#closeWhenDone();
  }

  #leave(): void {
    this.state = "draining";
    this.#events.leaving();
  }

  /** Each was a call of ours, so a server that fails every one costs no more than one that answers. */
  protected onPeerReset(): void {}

  protected onPing(): void {}

  protected onPingAcknowledged(): void {}

  protected onOpen(): void {
    this.#events.opened();
  }

  protected onRoom(): void {
    if (this.hasRoom) this.#events.room();
    else this.#closeWhenDone();
  }

  /** More calls may have ended at their deadlines than are remembered, while the server was slow. */
  protected mayBeLate(id: number): boolean {
    return this.streams.endedBy(id) !== enders.peer;
  }

  protected isIdle(id: number): boolean {
    return id % 2 === 0 || id >= this.nextId;
  }

  protected override onRead(): void {
    // The next calls of those who get these answers leave in one write with the replies to PING.
    this.wire.flushSoon();
  }

  protected override onHeard(): void {
    this.#heard = true;
  }

  protected override onTick(now: number): void {
    super.onTick(now);
    // A call that has ended at its deadline has not been answered either: calls may be shorter than this silence.
    if (this.active === 0 && this.#askedAt <= this.readAt) return;
    if (now - Math.max(this.readAt, this.#askedAt) < silenceMs) return;
    if (this.#probedAt > this.readAt) {
      if (now - this.#probedAt >= silenceMs) this.destroy("dead");
    } else if (this.#heard || now - this.#probedAt >= probeSpacingMs) {
      this.#heard = false;
      this.#probedAt = now;
      this.sendPing(probePayload);
    }
  }

  #closeWhenDone(): void {
    if (this.state === "draining" && this.active === 0) this.close(errorCodes.noError, "", "peer");
  }
}

const one = 0x31;
