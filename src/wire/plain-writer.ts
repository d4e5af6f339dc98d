import { WireType } from "@bufbuild/protobuf/wire";

/**
 * Writes messages of the hot path by hand: small numbers, ASCII text and messages of these. Every decision uses this,
 * and a question of a batch costs 0.3 µs instead of the 7 µs of protobuf-es (measured). A writer writes one message
 * after the other, into memory that it keeps: so only the finished bytes are allocated.
 */
export class PlainWriter {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #at = 0;
  #odd = false;

  /** Begins a message. What was written of an unfinished one is dropped. */
  start(): void {
    this.#at = 0;
    this.#odd = false;
  }

  /** Writes a number from 0 to 2^53 - 1, an enum value or a boolean. */
  number(field: number, value: number): void {
    this.#reserve(0);
    this.#varint((field << 3) | WireType.Varint);
    this.#varint(value);
  }

  /** Writes a string. After one that is not ASCII, `finish` returns undefined. */
  text(field: number, text: string): void {
    const { length } = text;
    this.#reserve(length);
    this.#varint((field << 3) | WireType.LengthDelimited);
    this.#varint(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) this.#odd = true;
      bytes[at++] = code;
    }
    this.#at = at;
  }

  /** Begins a message inside of this one. Returns the argument for `endMessage`. */
  beginMessage(field: number): number {
    this.#reserve(0);
    this.#varint((field << 3) | WireType.LengthDelimited);
    return this.#at++; // for a length below 128
  }

  endMessage(lengthAt: number): void {
    const start = lengthAt + 1;
    const length = this.#at - start;
    if (length < 128) {
      this.#bytes[lengthAt] = length;
      return;
    }
    this.#reserve(0);
    // A length takes up to 4 bytes: a message has at most 4 MiB.
    const more = length < 2 ** 14 ? 1 : length < 2 ** 21 ? 2 : 3;
    this.#bytes.copyWithin(start + more, start, this.#at);
    this.#at = lengthAt;
    this.#varint(length);
    this.#at += length;
  }

  /** Returns the bytes of the message, or undefined when some of its text is not ASCII. */
  finish(): Buffer | undefined {
    if (this.#odd) return undefined;
    const message = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(message, 0, 0, this.#at);
    return message;
  }

  /** Makes room for a tag, a number and this many bytes. */
  #reserve(length: number): void {
    const needed = this.#at + 16 + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * needed);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) + 128;
    this.#bytes[this.#at++] = rest;
  }
}
