import { encodeBlock } from "../hpack/encoder.js";
import { names } from "../hpack/field.js";
import { maxFieldListSize, maxFields } from "../http2/budgets.js";
import type { FieldList } from "../http2/fields.js";
import { errorCodes } from "../http2/frames.js";
import { portHint, type ServerConnection } from "../http2/server-connection.js";
import { type Reset, Stream } from "../http2/streams.js";
import type { Deadlines, Timed } from "../net/deadlines.js";
import {
  acceptedEncodings,
  checkPrefix,
  decompress,
  type Encoding,
  MessageReader,
  type MessageSink,
  prefixLength,
  prefixOf,
} from "./messages.js";
import { encodeMessage, isBase64, isBinary, parseTimeout } from "./metadata.js";
import { CallError, codes, type MetadataEntry, type Status } from "./status.js";

/** Settings that all calls of a port share. */
export interface CallSettings {
  readonly deadlines: Deadlines;
  /** The longest message that is accepted, octets. */
  readonly maxMessageLength: number;
  /** Time in which the only message of a request must arrive, milliseconds. */
  readonly requestMs: number;
  /** Called with what the class of a call threw; returns what the caller is told. Must not throw. */
  readonly failed: (thrown: unknown) => Status;
  /** Called for each request that did not arrive in time. Must not throw. */
  readonly late: () => void;
  /** Why methods do not exist, by path: their callers are told. */
  readonly hints?: ReadonlyMap<string, string> | undefined;
}

export type CallKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** A writer that is ahead of its peer by so many octets waits. */
const writeAhead = 64 * 1024;

/** The most octets of metadata in an answer: clients on gRPC core drop calls with more at random. */
const maxMetadataSize = 8 * 1024;

const tooMuchMetadata = `the metadata is over ${maxFieldListSize} bytes, with 32 for each field, or ${maxFields} fields`;

/** The most octets of messages that one connection may have in parts. */
const maxAssembly = 4 * 1024 * 1024;

const contentType: MetadataEntry = ["content-type", "application/grpc"];
const okHead = encodeBlock([[":status", "200"], contentType]);
const okTrailers = encodeBlock([["grpc-status", "0"]]);
const hintOctets = Buffer.from(portHint);

/**
 * A call on the server, from its head to the end of its handler: a request is checked here, and reaches the class that
 * extends this one only when all checks have passed.
 */
export abstract class ServerCall extends Stream implements Timed, MessageSink {
  readonly #settings: CallSettings;
  readonly #kind: CallKind | undefined;
  /** The request's head. */
  readonly head: FieldList;
  /** Instant of `performance.now()`; infinite without `grpc-timeout`. */
  expiresAt = Number.POSITIVE_INFINITY;
  nextTimed: Timed | undefined = undefined;
  previousTimed: Timed | undefined = undefined;
  #encoding: Encoding = "identity";
  #reader: MessageReader | undefined = undefined;
  /** The only message of a request that has not ended. */
  #request: Buffer | undefined = undefined;
  /** Octets of parts of messages, as counted by the connection. */
  #assembled = 0;
  /** Messages of a stream that were not taken yet, and whether more may come. */
  #incoming: Incoming[] | undefined = undefined;
  #incomingEnded = false;
  #incomingOctets = 0;
  /** Octets of the message that is arriving whose credit was given before it is complete. */
  #lent = 0;
  #incomingFault: CallError | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  #headSent = false;
  /** Whether no answer is wanted any more: it was given, or the caller has gone. */
  #answered = false;
  /** Whether a handler has the call: then it calls `release`. */
  #handed = false;
  #writable: (() => void) | undefined = undefined;

  /** `kind` is undefined when no method has this path. */
  constructor(
    settings: CallSettings,
    connection: ServerConnection,
    id: number,
    head: FieldList,
    kind: CallKind | undefined,
  ) {
    super(connection, id);
    this.#settings = settings;
    this.#kind = kind;
    this.head = head;
  }

  /**
   * Called with the only message of a unary or server-streaming call, when the whole request has arrived: the octets
   * `start` to `end`, valid until it returns.
   */
  protected abstract onRequest(octets: Buffer, start: number, end: number): void;
  /** Called when a client-streaming or bidirectional call begins. `messages` has what arrives. */
  protected abstract onBegin(): void;
  /** Called once when the caller has gone or its deadline has passed before the answer was complete. */
  protected abstract onInterrupted(why: "cancelled" | "deadline"): void;
  /** Called when a call is refused before it reached a handler. */
  protected onRefused(_status: Status): void {}

  /** Whether the answer is complete or nobody waits for it. */
  get answered(): boolean {
    return this.#answered;
  }

  // --- The request ---------------------------------------------------------------------------------------------------

  onHead(head: FieldList, isEnd: boolean): void {
    try {
      if (!this.#admit(head)) return;
      if (this.expiresAt !== Number.POSITIVE_INFINITY) this.#settings.deadlines.add(this);
      if (this.#kind === "client_streaming" || this.#kind === "bidi_streaming") {
        this.#incoming = [];
        this.#incomingEnded = isEnd;
        this.#handed = true;
        this.onBegin();
      } else if (isEnd) {
        throw new CallError(codes.unimplemented, "the request has no message");
      }
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  onData(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    if (this.#answered) return;
    try {
      if (this.#incoming) this.#takeStreamed(octets, start, end, isEnd);
      else this.#takeOnly(octets, start, end, isEnd);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  onTrailers(): void {
    this.onData(nothing, 0, 0, true);
  }

  message(octets: Buffer, start: number, end: number, isCompressed: boolean): void {
    const sent = octets.subarray(start, end);
    const message = isCompressed
      ? decompress(sent, this.#encoding, this.#settings.maxMessageLength)
      : Buffer.from(sent);
    if (this.#incoming) {
      this.#incoming.push({ message, credit: prefixLength + sent.length - this.#lent });
      this.#lent = 0;
      this.#incomingOctets += message.length;
      return;
    }
    if (this.#request) throw new CallError(codes.unimplemented, "the request has more than one message");
    this.#request = message;
  }

  onReset(_code: number, _why: Reset): void {
    this.#interrupt("cancelled");
  }

  onDeadline(): void {
    this.#interrupt("deadline");
  }

  override onTick(now: number): void {
    if (this.remoteEnded || this.#incoming || now - this.openedAt < this.#settings.requestMs) return;
    this.#settings.late();
    this.#refuse(new CallError(codes.deadlineExceeded, "the request did not arrive in time"));
  }

  /** Yields the messages of a client-streaming or bidirectional call, until the caller ends or is gone. */
  async *messages(): AsyncGenerator<Buffer, void> {
    const incoming = this.#incoming ?? [];
    for (;;) {
      const next = incoming.shift();
      if (next) {
        this.#take(next.message.length);
        // Only what was taken gives room for more.
        this.credit(next.credit);
        yield next.message;
        continue;
      }
      if (this.#incomingFault) throw this.#incomingFault;
      if (this.#incomingEnded || this.over) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Checks the head in the order of gRPC. Returns false when it was answered here. */
  #admit(head: FieldList): boolean {
    if (!head.isWhole) throw new CallError(codes.resourceExhausted, tooMuchMetadata);
    if (head.method !== "POST") return this.#refuseHttp("405");
    if (head.contentType !== "application/grpc" && !isGrpc(head.contentType)) return this.#refuseHttp("415");
    if (this.#kind === undefined) throw new CallError(codes.unimplemented, this.#noSuchMethod(head.path ?? ""));
    for (const { number, name, value } of head.fields) {
      if (number === names.grpcTimeout) this.#setDeadline(value);
      else if (number === names.grpcEncoding) this.#setEncoding(value);
      else if (isBinary(name) && !isBase64(value)) {
        throw new CallError(codes.internal, "a -bin field is no base64");
      }
    }
    if (this.expiresAt <= this.connection.now) throw new CallError(codes.deadlineExceeded, "the deadline has passed");
    return true;
  }

  #noSuchMethod(path: string): string {
    const hint = this.#settings.hints?.get(path);
    return `no such method: ${shownPath(path)}${hint === undefined ? "" : `; ${hint}`}`;
  }

  #setDeadline(value: string): void {
    const ms = parseTimeout(value);
    if (ms === undefined) throw new CallError(codes.internal, "bad grpc-timeout");
    this.expiresAt = Math.min(this.expiresAt, this.connection.now + ms);
  }

  #setEncoding(value: string): void {
    if (value !== "identity" && value !== "gzip" && value !== "deflate") {
      throw new CallError(codes.unimplemented, "unknown grpc-encoding", [["grpc-accept-encoding", acceptedEncodings]]);
    }
    this.#encoding = value;
  }

  /** Takes octets of a request with one message. */
  #takeOnly(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    const { maxMessageLength } = this.#settings;
    // Nearly all requests: one message in one frame.
    if (!this.#reader && isEnd && !this.#request && end - start >= prefixLength && octets[start] === 0) {
      const length = octets.readUInt32BE(start + 1);
      if (length === end - start - prefixLength) {
        checkPrefix(0, length, maxMessageLength);
        this.#handed = true;
        this.onRequest(octets, start + prefixLength, end);
        return;
      }
    }
    this.#read(octets, start, end);
    if (!isEnd) {
      this.credit(end - start);
      return;
    }
    if (this.#reader?.isInside) throw new CallError(codes.internal, "the request ends inside a message");
    const request = this.#request;
    if (!request) throw new CallError(codes.unimplemented, "the request has no message");
    this.#request = undefined;
    this.#count(0);
    this.#handed = true;
    this.onRequest(request, 0, request.length);
  }

  #takeStreamed(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    try {
      this.#read(octets, start, end);
      const reader = this.#reader;
      if (reader?.isInside) {
        if (isEnd) throw new CallError(codes.internal, "the request ends inside a message");
        // Otherwise a message longer than the window would never arrive.
        if (reader.missing > this.receiveWindow) {
          const arrived = reader.arrived - this.#lent;
          this.#lent += arrived;
          this.credit(arrived);
        }
      }
      this.#incomingEnded ||= isEnd;
    } catch (thrown) {
      this.#incomingFault = thrown as CallError;
      throw thrown;
    } finally {
      this.#wake?.();
    }
  }

  #read(octets: Buffer, start: number, end: number): void {
    this.#reader ??= new MessageReader(this, this.#settings.maxMessageLength);
    this.#reader.read(octets, start, end);
    this.#count(this.#reader.held + this.#incomingOctets + (this.#request?.length ?? 0));
  }

  /** Counts a message that the handler has taken; after the end of the call nothing is counted any more. */
  #take(octets: number): void {
    if (this.#answered) return;
    this.#incomingOctets -= octets;
    this.#assembled -= octets;
    this.connection.assembledOctets -= octets;
  }

  /** Counts octets of messages that were not handed on, which one connection must not hold too many of. */
  #count(held: number): void {
    this.connection.assembledOctets += held - this.#assembled;
    this.#assembled = held;
    if (held > 0 && this.connection.assembledOctets > maxAssembly) {
      throw new CallError(codes.resourceExhausted, "too many requests arrive at once on this connection");
    }
  }

  // --- The answer ----------------------------------------------------------------------------------------------------

  /** Answers a unary call. */
  respond(message: Buffer, metadata?: readonly MetadataEntry[]): void {
    if (this.#answered) return;
    if (!this.sendMetadata(metadata)) return;
    this.connection.sendData(this, prefixOf(message.length), message);
    this.#end(okTrailers);
  }

  /** Sends the response's metadata unless it was sent. Returns false when it cannot be sent: the call has ended. */
  sendMetadata(metadata?: readonly MetadataEntry[]): boolean {
    if (this.#headSent || this.#answered) return !this.#answered;
    if (metadata === undefined || metadata.length === 0) {
      this.#headSent = true;
      this.connection.sendHead(this, okHead, false);
      return true;
    }
    if (!this.#isSendable(metadata)) {
      this.finish({ code: codes.internal, message: "the response's metadata cannot be sent" });
      return false;
    }
    this.#headSent = true;
    this.connection.sendHead(this, encodeBlock([[":status", "200"], contentType, ...metadata]), false);
    return true;
  }

  /** Sends a message of a stream. Returns false when the writer should wait for `writable`. */
  write(message: Buffer): boolean {
    if (this.#answered) return true;
    this.sendMetadata();
    this.connection.sendData(this, prefixOf(message.length), message);
    return this.queuedOctets < writeAhead;
  }

  /** Resolves when the caller has taken what was written, or nobody waits for it. */
  writable(): Promise<void> {
    if (this.#answered || this.queuedOctets < writeAhead) return Promise.resolve();
    return new Promise((resolve) => {
      this.#writable = resolve;
    });
  }

  override onSent(): void {
    this.#writable?.();
    this.#writable = undefined;
  }

  /** Ends the call with a status. The first end counts. */
  finish(status: Status): void {
    if (this.#answered) return;
    const { code, message, trailers = [] } = status;
    // In the middle of a message no status can be sent any more.
    if (code === codes.deadlineExceeded && this.queuedOctets > 0) {
      this.#forget();
      this.connection.resetStream(this, errorCodes.cancel);
      return;
    }
    const fields: MetadataEntry[] = this.#headSent ? [] : [[":status", "200"], contentType];
    fields.push(["grpc-status", String(code)]);
    // With status 0 there is no message.
    if (code !== codes.ok && message !== "") fields.push(["grpc-message", encodeMessage(message)]);
    const all = [...fields, ...trailers];
    this.#end(encodeBlock(this.#isSendable(all) ? all : fields));
  }

  #end(block: Buffer): void {
    const headSent = this.#headSent;
    this.#forget();
    if (headSent) this.connection.sendTrailers(this, block);
    else this.connection.sendHead(this, block, true);
  }

  /** Whether the caller takes these fields: not too large, and nothing that HPACK would cut. */
  #isSendable(metadata: readonly MetadataEntry[]): boolean {
    let size = 0;
    for (const [name, value] of metadata) {
      if (!printable.test(value)) return false;
      size += name.length + value.length + 32;
    }
    return size <= Math.min(maxMetadataSize, this.connection.maxFieldListSize);
  }

  /** Ends a call that a handler has not seen, or that has sent something wrong. */
  #refuse(thrown: unknown): void {
    const status = thrown instanceof CallError ? thrown : this.#settings.failed(thrown);
    if (!this.#handed) this.onRefused(status);
    this.finish(status);
    if (!this.#handed) this.release();
  }

  #refuseHttp(status: string): false {
    this.#forget();
    const isHead = this.head.method === "HEAD";
    this.connection.sendHead(
      this,
      encodeBlock([
        [":status", status],
        ["content-type", "text/plain"],
      ]),
      isHead,
    );
    if (!isHead) this.connection.sendData(this, nothing, hintOctets, true);
    this.release();
    return false;
  }

  #interrupt(why: "cancelled" | "deadline"): void {
    if (this.#answered) return;
    if (why === "cancelled") this.#forget();
    this.onInterrupted(why);
    this.#wake?.();
    this.onSent();
    // Nobody runs for a request that has not arrived.
    if (!this.#handed) this.release();
  }

  /** The answer is complete or will not come: nothing of the request is needed any more. */
  #forget(): void {
    this.#answered = true;
    this.#settings.deadlines.remove(this);
    this.#request = undefined;
    this.#reader = undefined;
    this.#incomingOctets = 0;
    this.#count(0);
    // A writer waits no longer for a queue that may never empty.
    this.onSent();
  }
}

interface Incoming {
  readonly message: Buffer;
  /** Octets that are given back to the caller's window when the message is taken. */
  readonly credit: number;
}

/** Metadata by the protocol of gRPC: printable ASCII. */
const printable = /^[ -~]*$/;

const nothing: Buffer = Buffer.alloc(0);

/** Returns a path for answers and logs: printable, at most 100 characters, without a query, which may be a secret. */
export function shownPath(path: string): string {
  return path
    .replace(/\?.*/s, "?...")
    .replaceAll(/[^ -~]/g, "?")
    .slice(0, 100);
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:\+proto)?(?:[ \t]*;.*)?$/.test(contentType);
}
