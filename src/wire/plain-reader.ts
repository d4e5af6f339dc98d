/**
 * Reads what nearly every message of the hot path is made of: small numbers, ASCII text and messages of these. It
 * stands in for protobuf-es, which takes about 10 µs for each message, and leaves all else to it: once anything odd was
 * met (also a fault) `done` stays false, and the message must be read again by protobuf-es, which decides what it is.
 */
export class PlainReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #odd = false;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Whether everything was read, and nothing odd was met. */
  get done(): boolean {
    return !this.#odd && this.#at === this.#end;
  }

  /** The next field with its wire type, `number << 3 | type`. 0: there is none, or something odd was met. */
  tag(): number {
    // There is no field 0.
    return this.#at < this.#end ? this.varint() || this.#oddity() : 0;
  }

  /** Up to 2^28. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= this.#end) break;
      const byte = this.#bytes[this.#at++] as number;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    return this.#oddity();
  }

  /** ASCII. */
  text(): string {
    const start = this.#enter();
    if (this.#odd) return "";
    for (let at = start; at < this.#at; at++) {
      if ((this.#bytes[at] as number) > 127) {
        this.#oddity();
        return "";
      }
    }
    return this.#bytes.toString("latin1", start, this.#at);
  }

  /** A reader of the message that comes next. What is odd there must be seen by its `done`. */
  message(): PlainReader {
    const start = this.#enter();
    return new PlainReader(this.#bytes, start, this.#at);
  }

  /** Skips a length and as many bytes, and gives their start. */
  #enter(): number {
    const length = this.varint();
    const start = this.#at;
    if (length > this.#end - start) this.#oddity();
    if (!this.#odd) this.#at = start + length;
    return start;
  }

  /** Nothing more is read. */
  #oddity(): 0 {
    this.#odd = true;
    this.#at = this.#end;
    return 0;
  }
}
