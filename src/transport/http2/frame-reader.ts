import { ConnectionError, errorCodes, frameHeaderLength, maxFrameLength, readUint31 } from "./frames.js";

export interface FrameSink {
  /**
   * Takes a frame, whose payload is the octets `start` to `end` of `octets`, valid until it returns. Returns false to
   * stop reading; `FrameReader.readOn` goes on.
   */
  frame(type: number, flags: number, streamId: number, octets: Buffer, start: number, end: number): boolean;
}

const nothing: Buffer = Buffer.alloc(0);

/** Cuts chunks of any size into frames. A frame that lies in one chunk is not copied. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** The beginning of a frame whose rest has not arrived: its header, or the whole frame once its length is known. */
  #carry: Buffer = nothing;
  /** How much of the carry has arrived. */
  #carried = 0;
  /** The octets that were not read when the sink stopped. */
  #rest: Buffer = nothing;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Octets in memory. */
  get held(): number {
    return this.#carry.length + this.#rest.length;
  }

  /** Returns false when the sink stopped. Throws ConnectionError for a frame that is too long. */
  read(chunk: Buffer): boolean {
    if (!this.#stopped) return this.#read(chunk);
    this.#rest = Buffer.concat([this.#rest, chunk]);
    return false;
  }

  /** Goes on after a stop. */
  readOn(): boolean {
    const rest = this.#rest;
    this.#rest = nothing;
    this.#stopped = false;
    return this.#read(rest);
  }

  #read(chunk: Buffer): boolean {
    let position = 0;
    if (this.#carried > 0) {
      position = this.#fill(chunk);
      if (this.#carried < this.#carry.length) return true;
      const frame = this.#carry;
      this.#carry = nothing;
      this.#carried = 0;
      if (!this.#give(frame, 0, frame.length)) return this.#stop(chunk, position);
    }
    const { length } = chunk;
    while (length - position >= frameHeaderLength) {
      const end = position + frameHeaderLength + payloadLength(chunk, position);
      if (end > length) break;
      if (!this.#give(chunk, position, end)) return this.#stop(chunk, end);
      position = end;
    }
    if (position < length) {
      this.#carry = Buffer.allocUnsafe(frameHeaderLength);
      this.#fill(chunk.subarray(position));
    }
    return true;
  }

  /** Copies what belongs to the frame in the carry. Returns how many octets that were. */
  #fill(chunk: Buffer): number {
    let position = this.#take(chunk, 0);
    if (this.#carry.length === frameHeaderLength && this.#carried === frameHeaderLength) {
      const whole = Buffer.allocUnsafe(frameHeaderLength + payloadLength(this.#carry, 0));
      this.#carry.copy(whole);
      this.#carry = whole;
      position = this.#take(chunk, position);
    }
    return position;
  }

  #take(chunk: Buffer, position: number): number {
    const copied = chunk.copy(this.#carry, this.#carried, position);
    this.#carried += copied;
    return position + copied;
  }

  #give(octets: Buffer, position: number, end: number): boolean {
    const type = octets[position + 3] as number;
    const flags = octets[position + 4] as number;
    return this.#sink.frame(type, flags, readUint31(octets, position + 5), octets, position + frameHeaderLength, end);
  }

  #stop(chunk: Buffer, position: number): false {
    this.#stopped = true;
    this.#rest = chunk.subarray(position);
    return false;
  }
}

function payloadLength(octets: Buffer, position: number): number {
  const length =
    ((octets[position] as number) << 16) | ((octets[position + 1] as number) << 8) | (octets[position + 2] as number);
  if (length > maxFrameLength) throw new ConnectionError(errorCodes.frameSizeError, "frame too long");
  return length;
}
