import type { Wire } from "./wire.js";

const scratchLength = 16_384;

/** Payloads at least as long are sent as they are; shorter ones are copied together, which is cheaper. */
const wholePart = 4_096;

/** Buffers that no connection uses at the moment: each has one only from its first frame to the flush. */
const scratches: Buffer[] = [];
const maxScratches = 64;

/**
 * The octets of a connection on their way out: all of one turn of the event loop leave in one write. Frames are written
 * into `scratch` at `used`, after `reserve`.
 */
export class Output {
  readonly #wire: Wire;
  #parts: Uint8Array[] = [];
  #partOctets = 0;
  scratch: Buffer = empty;
  used = 0;
  /** Whether the socket takes no more for now. */
  blocked = false;
  /** Since when it is blocked, as an instant of the connection's clock. */
  blockedAt = 0;
  /** Replies to PING and SETTINGS since the socket last took everything. */
  replies = 0;
  /** Whether a flush will come by itself: while a chunk is read, or because one was asked for. */
  flushComes = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Octets that were not handed to the socket yet. */
  get pending(): number {
    return this.#partOctets + this.used;
  }

  /** Octets of answers and replies in memory. */
  get unsent(): number {
    return this.pending + this.#wire.unsent;
  }

  /** Makes room for so many octets, at most 16,384, at `used` of `scratch`. */
  reserve(octets: number): void {
    if (this.used + octets > this.scratch.length) this.#renew();
    if (!this.flushComes) {
      this.flushComes = true;
      this.#wire.flushSoon();
    }
  }

  /** Adds octets, which nobody changes afterwards when they are many. */
  add(octets: Buffer): void {
    const { length } = octets;
    if (length >= wholePart) {
      this.reserve(0);
      this.#seal();
      this.#parts.push(octets);
      this.#partOctets += length;
      return;
    }
    this.reserve(length);
    octets.copy(this.scratch, this.used);
    this.used += length;
  }

  flush(now: number): void {
    this.flushComes = false;
    if (this.pending === 0) return;
    this.#seal();
    if (this.scratch.length > 0 && scratches.length < maxScratches) scratches.push(this.scratch);
    this.scratch = empty;
    const parts = this.#parts;
    this.#parts = [];
    this.#partOctets = 0;
    const taken = parts.length === 1 ? this.#wire.write(parts[0] as Uint8Array) : this.#writeAll(parts);
    if (taken) this.replies = 0;
    else if (!this.blocked) {
      this.blocked = true;
      this.blockedAt = now;
    }
  }

  drained(): void {
    this.blocked = false;
    this.replies = 0;
  }

  /** Drops everything. */
  clear(): void {
    this.#parts = [];
    this.#partOctets = 0;
    this.used = 0;
  }

  #writeAll(parts: readonly Uint8Array[]): boolean {
    this.#wire.cork();
    let taken = true;
    for (const part of parts) taken = this.#wire.write(part);
    this.#wire.uncork();
    return taken;
  }

  /** Moves the scratch's octets to the parts, in a buffer of exactly their size. */
  #seal(): void {
    if (this.used === 0) return;
    const part = Buffer.allocUnsafe(this.used);
    this.scratch.copy(part, 0, 0, this.used);
    this.#parts.push(part);
    this.#partOctets += this.used;
    this.used = 0;
  }

  #renew(): void {
    this.#seal();
    if (this.scratch.length === 0) this.scratch = scratches.pop() ?? Buffer.allocUnsafeSlow(scratchLength);
  }
}

const empty = Buffer.alloc(0);
