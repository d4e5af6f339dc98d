import {
  Bucket,
  budgets,
  calm,
  maxFieldListSize,
  maxKeptFields,
  maxPingStrikes,
  maxUnsent,
  pingSpacingMs,
} from "./budgets.js";
import { type Closure, Connection, type ConnectionEvents } from "./connection.js";
import type { FieldList } from "./fields.js";
import { ConnectionError, errorCodes, maxStreamId } from "./frames.js";
import { beginningOf, preface } from "./preface.js";
import { defaultWindow, settingsFrame } from "./settings.js";
import { enders, type Stream } from "./streams.js";
import type { Wire } from "./wire.js";

export interface ServerConnectionOptions {
  /** Makes the object of a request, whose head is valid. Its `onHead` is called next. */
  readonly open: (connection: ServerConnection, id: number, head: FieldList) => Stream;
  readonly events: ConnectionEvents;
  readonly limits: ServerConnectionLimits;
}

/** Times are in milliseconds; 0 means never. */
export interface ServerConnectionLimits {
  /** Time for the preface and the first SETTINGS. */
  readonly helloMs: number;
  /** The most streams at a time. */
  readonly concurrentStreams: number;
  /** The age at which a connection is drained. */
  readonly maxAgeMs: number;
  /** How long a connection may have no stream until it is drained. */
  readonly maxIdleMs: number;
  /** How long running calls of a drained connection may take. */
  readonly graceMs: number;
  /** After so long without input, the peer is asked for a sign of life, and has `keepaliveTimeoutMs` to give it. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

const windows = { stream: defaultWindow, connection: 1024 * 1024 };

/** How long a client may take to answer the PING that follows our first GOAWAY. */
const drainStepMs = 5_000;

/** Ids end at 2^31-1: a connection that has used so many is replaced in time. */
const lastComfortableId = 1_500_000_000;

const keepalivePayload = Buffer.from("patience", "latin1");
const drainPayload = Buffer.from("draining", "latin1");

/** One line for people who open the port with a browser or curl. */
export const portHint = "This port speaks gRPC over HTTP/2. Use a gRPC client, or the HTTP port for JSON.\n";

const http1Answer = (() => {
  const head = ["HTTP/1.1 505 HTTP Version Not Supported", "Connection: close", "Content-Type: text/plain"];
  return Buffer.from(`${[...head, `Content-Length: ${portHint.length}`].join("\r\n")}\r\n\r\n${portHint}`, "latin1");
})();

/** The server's end of a connection: clients open streams, with odd ids. */
export class ServerConnection extends Connection {
  protected readonly peerRole = "client";
  readonly #options: ServerConnectionOptions;
  /** The octets of the preface that have arrived; undefined once it was complete. */
  #beginning: Buffer | undefined = Buffer.alloc(0);
  #isGreeted = false;
  #lastHandled = 0;
  /** 0: not draining. 1: the first GOAWAY was sent. 2: the second was, and later streams are ignored. */
  #drainStep = 0;
  #drainedAt = 0;
  #drainClosure: Closure = "drain";
  /** Whether the client has said that it leaves. */
  #peerLeaves = false;
  #strikes = 0;
  readonly #resets = new Bucket(budgets.resets);
  #pingedAt = Number.NEGATIVE_INFINITY;
  #keepaliveAt = 0;
  /** Since when there has been no stream. */
  #idleSince: number;
  readonly #ageAt: number;

  constructor(wire: Wire, options: ServerConnectionOptions, now: number) {
    super(wire, windows, options.events, now, options.limits.helloMs);
    this.#options = options;
    this.#idleSince = now;
    const { maxAgeMs } = options.limits;
    // Spread by a tenth: many connections were opened at once when a replica was replaced.
    this.#ageAt = maxAgeMs > 0 ? now + maxAgeMs * (0.9 + 0.2 * Math.random()) : Number.POSITIVE_INFINITY;
  }

  protected get lastHandled(): number {
    return this.#lastHandled;
  }

  override receive(chunk: Buffer, now: number): void {
    if (this.#beginning === undefined || this.state !== "opening") {
      super.receive(chunk, now);
      return;
    }
    this.now = now;
    const octets = this.#beginning.length > 0 ? Buffer.concat([this.#beginning, chunk]) : chunk;
    switch (beginningOf(octets)) {
      case "unknown":
        this.#beginning = Buffer.from(octets);
        break;
      case "http2":
        this.#beginning = undefined;
        this.#greet();
        super.receive(octets.subarray(preface.length), now);
        break;
      case "http1":
      // Clients of TLS take either answer for a record of "wrong version number", which says what they do wrong.
      case "tls":
        if (!this.#isGreeted) {
          this.output.add(http1Answer);
          this.finish("hello");
          break;
        }
        this.close(errorCodes.http11Required, "no HTTP/2 preface", "hello");
        break;
      case "other":
        this.#greet();
        this.close(errorCodes.protocolError, "no HTTP/2 preface", "hello");
        break;
    }
  }

  /**
   * Greets a client that has said nothing yet. gRPC's C core, where nothing but its timer of five seconds polls, looks
   * for SETTINGS only once before it gives up.
   */
  greetSilent(now: number): void {
    if (this.state !== "opening" || this.#beginning?.length !== 0) return;
    this.#greet();
    this.flush(now);
  }

  /** Clients of HTTP/1 and TLS would not understand it: where octets come soon, they decide. */
  #greet(): void {
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    this.greet(
      settingsFrame({
        maxConcurrentStreams: this.#options.limits.concurrentStreams,
        maxHeaderListSize: maxFieldListSize,
        noRfc7540Priorities: 1,
      }),
    );
  }

  /** Lets running calls finish, opens no more, then closes: at the latest after the grace. */
  drain(now: number, closure: Closure = "drain"): void {
    this.now = now;
    if (this.state === "opening") {
      this.destroy(closure);
      return;
    }
    if (this.state !== "open") return;
    this.state = "draining";
    this.#drainStep = 1;
    this.#drainedAt = now;
    this.#drainClosure = closure;
    // RFC 9113 §6.8: calls that are on their way are still served.
    this.sendGoaway(maxStreamId, errorCodes.noError);
    this.sendPing(drainPayload);
  }

  protected onNewHead(id: number, head: FieldList, isEnd: boolean, isSelfDependent: boolean): void {
    if (id % 2 === 0) throw new ConnectionError(errorCodes.protocolError, "even stream id");
    if (id <= this.streams.highest) {
      switch (this.streams.endedBy(id)) {
        case enders.us:
          return;
        case enders.peer:
          throw new ConnectionError(errorCodes.streamClosed, "HEADERS on a closed stream");
        default:
          throw new ConnectionError(errorCodes.protocolError, "stream ids must ascend");
      }
    }
    this.streams.highest = id;
    if (this.#drainStep === 2) {
      this.streams.end(id, enders.us);
      return;
    }
    if (isSelfDependent || head.requestProblem() !== undefined) {
      this.streams.end(id, enders.us);
      this.fault(id, errorCodes.protocolError);
      return;
    }
    if (isEnd && head.contentLength > 0) {
      this.streams.end(id, enders.us);
      this.fault(id, errorCodes.protocolError);
      return;
    }
    // Clients open streams before they have read our SETTINGS.
    if (
      this.active >= this.#options.limits.concurrentStreams ||
      this.queuedOctets + this.output.unsent > maxUnsent ||
      this.keptFields > maxKeptFields
    ) {
      this.#resets.take(this.now);
      this.refuse(id, errorCodes.refusedStream);
      return;
    }
    this.#lastHandled = id;
    const stream = this.#options.open(this, id, head);
    stream.headSeen = true;
    stream.announced = head.contentLength;
    stream.keptFields = head.size;
    this.keptFields += head.size;
    stream.remoteEnded = isEnd;
    this.begin(stream);
    stream.onHead(head, isEnd);
    if (id > lastComfortableId) this.drain(this.now, "age");
  }

  protected onNextHead(stream: Stream, head: FieldList, isEnd: boolean): void {
    this.takeTrailers(stream, head, isEnd);
  }

  protected onHalfEnded(stream: Stream): void {
    // The answer is complete: the rest of the request is not needed (RFC 9113 §8.1).
    if (stream.localEnded) this.resetStream(stream, errorCodes.noError);
  }

  protected onGoaway(): void {
    this.#peerLeaves = true;
    this.#closeWhenDrained();
  }

  protected onPeerReset(): void {
    this.#resets.take(this.now);
  }

  /** Counts pings that come too soon (gRPC A8). */
  protected onPing(): void {
    const spacing = this.now - this.#pingedAt;
    this.#pingedAt = this.now;
    if (spacing < pingSpacingMs && ++this.#strikes > maxPingStrikes) throw calm("pings", "too_many_pings");
  }

  /** Clients ping with each read to measure bandwidth: while we send, pings are no strikes (grpc/grpc#33661). */
  protected override onSending(): void {
    this.#strikes = 0;
    this.#pingedAt = Number.NEGATIVE_INFINITY;
  }

  protected onPingAcknowledged(): void {
    if (this.#drainStep === 1) this.#refuseLater();
  }

  protected onOpen(): void {
    this.#idleSince = this.now;
  }

  protected onRoom(): void {
    if (this.active > 0) return;
    this.#idleSince = this.now;
    this.#closeWhenDrained();
  }

  protected mayBeLate(id: number): boolean {
    return this.streams.endedBy(id) === enders.us;
  }

  protected isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.streams.highest;
  }

  protected override onTick(now: number): void {
    super.onTick(now);
    const { limits } = this.#options;
    if (this.#drainStep > 0) {
      if (this.#drainStep === 1 && now - this.#drainedAt >= drainStepMs) this.#refuseLater();
      if (now - this.#drainedAt >= limits.graceMs) this.close(errorCodes.noError, "", this.#drainClosure);
    } else if (this.state === "open") {
      if (now >= this.#ageAt) this.drain(now, "age");
      else if (limits.maxIdleMs > 0 && this.active === 0 && now - this.#idleSince >= limits.maxIdleMs) {
        this.drain(now, "idle");
      }
    }
    this.#keepAlive(now);
  }

  #keepAlive(now: number): void {
    const { keepaliveMs, keepaliveTimeoutMs } = this.#options.limits;
    if (keepaliveMs === 0 || this.state === "closing" || now - this.readAt < keepaliveMs) return;
    if (this.#keepaliveAt <= this.readAt) {
      this.#keepaliveAt = now;
      this.sendPing(keepalivePayload);
    } else if (now - this.#keepaliveAt >= keepaliveTimeoutMs) {
      this.destroy("dead");
    }
  }

  #refuseLater(): void {
    this.#drainStep = 2;
    this.sendGoaway(this.streams.highest, errorCodes.noError);
    this.#closeWhenDrained();
  }

  #closeWhenDrained(): void {
    if (this.active > 0 || (this.#drainStep < 2 && !this.#peerLeaves)) return;
    this.linger();
    if (this.#drainStep === 2) this.finish(this.#drainClosure);
    else this.close(errorCodes.noError, "", "peer");
  }
}
