import { gunzipSync, inflateSync } from "node:zlib";
import { CallError, codes } from "./status.js";

/** The octets before each message: a flag for compression, and the length. */
export const prefixLength = 5;

const scratchPrefix = Buffer.alloc(prefixLength);

/** Returns the prefix of an uncompressed message. The next call overwrites it. */
export function prefixOf(length: number): Buffer {
  scratchPrefix.writeUInt32BE(length, 1);
  return scratchPrefix;
}

export interface MessageSink {
  /** Takes a message: the octets `start` to `end`, valid until it returns. */
  message(octets: Buffer, start: number, end: number, isCompressed: boolean): void;
}

/** A message that does not lie in one frame begins with so much room. */
const firstRoom = 1_024;

/** Cuts the octets of a stream into messages. Boundaries of messages and frames have nothing to do with each other. */
export class MessageReader {
  readonly #sink: MessageSink;
  readonly #maxLength: number;
  readonly #prefix = Buffer.alloc(prefixLength);
  /** Octets of the prefix that have arrived; then of the message. */
  #prefixed = 0;
  #length = 0;
  #filled = 0;
  #message = nothing;

  constructor(sink: MessageSink, maxLength: number) {
    this.#sink = sink;
    this.#maxLength = maxLength;
  }

  /** Whether a message has begun and is not complete. */
  get isInside(): boolean {
    return this.#prefixed > 0;
  }

  /** Octets that the message that has begun still needs, as far as known. */
  get missing(): number {
    return this.#prefixed < prefixLength ? prefixLength - this.#prefixed : this.#length - this.#filled;
  }

  /** Octets of it that have arrived, with its prefix. */
  get arrived(): number {
    return this.#prefixed + this.#filled;
  }

  /** Octets in memory. */
  get held(): number {
    return this.#message.length;
  }

  /** Throws CallError for a bad prefix or a message that is too long, as soon as its prefix has arrived. */
  read(octets: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#prefixed < prefixLength) {
        const copied = octets.copy(this.#prefix, this.#prefixed, at, Math.min(end, at + prefixLength - this.#prefixed));
        this.#prefixed += copied;
        at += copied;
        if (this.#prefixed < prefixLength) return;
        this.#length = this.#prefix.readUInt32BE(1);
        checkPrefix(this.#prefix[0] as number, this.#length, this.#maxLength);
        if (this.#length === 0) this.#give(nothing, 0, 0);
        continue;
      }
      const missing = this.#length - this.#filled;
      if (this.#filled === 0 && end - at >= missing) {
        this.#give(octets, at, at + missing);
        at += missing;
        continue;
      }
      const taken = Math.min(missing, end - at);
      this.#makeRoom(taken);
      octets.copy(this.#message, this.#filled, at, at + taken);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#length) this.#give(this.#message, 0, this.#length);
    }
  }

  /** Grows with what came: an announced length costs its sender nothing. */
  #makeRoom(octets: number): void {
    const needed = this.#filled + octets;
    if (needed <= this.#message.length) return;
    const room = Math.min(this.#length, Math.max(needed, 2 * this.#message.length, firstRoom));
    const grown = Buffer.allocUnsafe(room);
    this.#message.copy(grown, 0, 0, this.#filled);
    this.#message = grown;
  }

  #give(octets: Buffer, start: number, end: number): void {
    this.#prefixed = 0;
    this.#filled = 0;
    this.#message = nothing;
    this.#sink.message(octets, start, end, this.#prefix[0] === 1);
  }
}

const nothing: Buffer = Buffer.alloc(0);

/** Throws CallError unless a message may begin like this. */
export function checkPrefix(flag: number, length: number, maxLength: number): void {
  if (flag > 1) throw new CallError(codes.internal, "bad flag before a message");
  if (length > maxLength) {
    throw new CallError(codes.resourceExhausted, `a message is longer than ${maxLength} octets`);
  }
}

/** The compressions that are understood. */
export type Encoding = "identity" | "gzip" | "deflate";

/** The value of `grpc-accept-encoding`. */
export const acceptedEncodings = "identity,deflate,gzip";

/**
 * Returns the uncompressed message. Throws CallError for octets that are not of this compression, and for a message
 * that would be longer than `maxLength` (CVE-2026-48069).
 */
export function decompress(octets: Buffer, encoding: Encoding, maxLength: number): Buffer {
  if (encoding === "identity") throw new CallError(codes.internal, "a compressed message without grpc-encoding");
  try {
    const options = { maxOutputLength: Math.max(1, maxLength) };
    return encoding === "gzip" ? gunzipSync(octets, options) : inflateSync(octets, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new CallError(codes.resourceExhausted, `a message is longer than ${maxLength} octets`);
    }
    throw new CallError(codes.internal, `a message is not ${encoding}`);
  }
}
