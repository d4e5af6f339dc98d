/** The most octets that may follow the first one, so that a number stays below 2^28 + 255. */
const maxContinuation = 4;

const nothing = Buffer.alloc(0);

/** Reads the integers of RFC 7541 §5.1 from the octets `at` to `end`, and nothing outside. */
export class IntegerReader {
  octets: Uint8Array = nothing;
  at = 0;
  end = 0;

  open(octets: Uint8Array, start: number, end: number): void {
    this.octets = octets;
    this.at = start;
    this.end = end;
  }

  /** Forgets the octets, so that it keeps no block alive. */
  close(): void {
    this.octets = nothing;
  }

  /**
   * Reads an integer whose prefix is the bits of `mask` in the first octet: 0x7f for seven. Returns -1 when it does
   * not end in time.
   */
  read(mask: number): number {
    if (this.at >= this.end) return -1;
    const prefix = (this.octets[this.at++] as number) & mask;
    return prefix < mask ? prefix : this.readContinuation(mask);
  }

  private readContinuation(prefix: number): number {
    let value = prefix;
    for (let shift = 0; shift < 7 * maxContinuation; shift += 7) {
      if (this.at >= this.end) return -1;
      const octet = this.octets[this.at++] as number;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return -1;
  }
}

/**
 * Writes an integer below 2^31. `flags` are the bits of the first octet above the prefix. Returns the offset behind it.
 */
export function writeInteger(target: Uint8Array, offset: number, flags: number, mask: number, value: number): number {
  let at = offset;
  if (value < mask) {
    target[at++] = flags | value;
    return at;
  }
  target[at++] = flags | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = 0x80 | (rest & 0x7f);
  target[at++] = rest;
  return at;
}

/** Returns how many octets `writeInteger` writes. */
export function integerLength(mask: number, value: number): number {
  if (value < mask) return 1;
  let length = 2;
  for (let rest = (value - mask) >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}
