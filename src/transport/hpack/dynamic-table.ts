import type { Field } from "./field.js";

/** The smallest size of an entry: that of empty name and value (RFC 7541 §4.1). */
const minEntrySize = 32;

/** The entries that the peer's encoder has added, in a ring: the oldest leave when a new one needs their space. */
export class DynamicTable {
  /** A power of two. */
  private readonly ring: (Field | undefined)[];
  private readonly mask: number;
  /** The slot of the next entry. */
  private head = 0;
  private count = 0;
  /** The sum of the sizes of all entries. */
  private size = 0;
  private limit: number;

  /** @param maxSize The largest size it will be resized to, and its size until then. */
  constructor(maxSize: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(maxSize / minEntrySize, 1)));
    this.ring = new Array<Field | undefined>(slots).fill(undefined);
    this.mask = slots - 1;
    this.limit = maxSize;
  }

  get length(): number {
    return this.count;
  }

  /** Returns an entry: 0 is the newest. Undefined when there is none. */
  get(index: number): Field | undefined {
    return index < this.count ? this.ring[(this.head - 1 - index) & this.mask] : undefined;
  }

  /** Whether an entry of this size can stay. Adding a larger one only empties the table (RFC 7541 §4.4). */
  fits(size: number): boolean {
    return size <= this.limit;
  }

  add(field: Field): void {
    this.shrink(this.limit - field.size);
    if (!this.fits(field.size)) return;
    this.ring[this.head] = field;
    this.head = (this.head + 1) & this.mask;
    this.count++;
    this.size += field.size;
  }

  clear(): void {
    this.shrink(0);
  }

  /** Sets the size above which entries are evicted. */
  resize(limit: number): void {
    this.limit = limit;
    this.shrink(limit);
  }

  /** Evicts the oldest entries until the size is no larger than this, or nothing is left. */
  private shrink(size: number): void {
    while (this.size > size && this.count > 0) {
      const oldest = (this.head - this.count) & this.mask;
      this.size -= (this.ring[oldest] as Field).size;
      this.ring[oldest] = undefined;
      this.count--;
    }
  }
}
