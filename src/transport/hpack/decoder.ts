import { DynamicTable } from "./dynamic-table.js";
import { Field, fieldSize, isNameValid, isValueValid, numberOf } from "./field.js";
import { decodeHuffman, maxDecodedLength } from "./huffman.js";
import { IntegerReader } from "./integer.js";
import { staticFields } from "./static-table.js";

/** Reads one character an octet. @types/node does not declare it; `toString` finds the encoding by its name first. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
};

export interface FieldSink {
  add(field: Field): void;
}

/** Limits of one header block. Sizes are sums of `Field.size`, also for fields that the block only refers to. */
export interface BlockLimits {
  /** The largest list that is passed on: SETTINGS_MAX_HEADER_LIST_SIZE. */
  readonly listSize: number;
  /** The most fields that are passed on. */
  readonly fields: number;
  /** The largest list that is decoded at all. */
  readonly decoded: number;
  /** The most fields that are decoded at all. */
  readonly decodedFields: number;
}

/** A block that cannot be decoded. The table is out of step from then on, so the connection must end. */
export class HpackError extends Error {
  override readonly name = "HpackError";
  /** Whether the block is over `decoded` or `decodedFields`: ENHANCE_YOUR_CALM. Otherwise it is COMPRESSION_ERROR. */
  readonly flood: boolean;

  constructor(message: string, flood = false) {
    super(message);
    this.flood = flood;
  }
}

/** How many octets a string may have to be decoded into memory that is there already. */
const scratchSize = 4096;

/** The octets of a string: a part of the block, or decoded into a buffer that the next string overwrites. */
class StringReader {
  octets: Uint8Array;
  start = 0;
  end = 0;
  private readonly scratch = Buffer.allocUnsafeSlow(scratchSize);

  constructor() {
    this.octets = this.scratch;
  }

  get length(): number {
    return this.end - this.start;
  }

  read(input: IntegerReader): void {
    const isHuffman = input.at < input.end && (input.octets[input.at] as number) >= 0x80;
    const length = input.read(0x7f);
    if (length < 0 || length > input.end - input.at) throw new HpackError("a string is longer than the block");
    const start = input.at;
    input.at += length;
    if (!isHuffman) {
      this.octets = input.octets;
      this.start = start;
      this.end = input.at;
      return;
    }
    const needed = maxDecodedLength(length);
    this.octets = needed <= scratchSize ? this.scratch : Buffer.allocUnsafeSlow(needed);
    this.start = 0;
    this.end = decodeHuffman(input.octets, start, input.at, this.octets);
    if (this.end < 0) throw new HpackError("a Huffman code is wrong");
  }

  /** Forgets the octets, so that they keep no block alive. */
  close(): void {
    this.octets = this.scratch;
  }

  toString(): string {
    return this.start === this.end ? "" : latin1Slice.call(this.octets, this.start, this.end);
  }
}

/** Shared by all decoders: nothing stays in them from one field to the next. */
const nameReader = new StringReader();
const valueReader = new StringReader();

/** The largest number of table size updates at the start of a block: the smallest size in between, and the last one. */
const maxUpdates = 2;

/** Decodes the header blocks of one direction of a connection, in their order: each one depends on those before. */
export class HpackDecoder {
  private readonly limits: BlockLimits;
  private readonly maxTableSize: number;
  private readonly table: DynamicTable;
  private readonly input = new IntegerReader();
  /** Size and number of the fields of this block so far. */
  private size = 0;
  private count = 0;

  /** @param maxTableSize Our SETTINGS_HEADER_TABLE_SIZE; the default is that of RFC 9113. */
  constructor(limits: BlockLimits, maxTableSize = 4096) {
    this.limits = limits;
    this.maxTableSize = maxTableSize;
    this.table = new DynamicTable(maxTableSize);
  }

  /**
   * Decodes a whole block, the octets from start to end. Returns false when the list is over `listSize` or `fields`:
   * the sink gets no field from the first one on that is, but the table stays right.
   *
   * @throws {HpackError}
   */
  decode(block: Uint8Array, start: number, end: number, sink: FieldSink): boolean {
    const input = this.input;
    input.open(block, start, end);
    this.size = 0;
    this.count = 0;
    let updates = 0;
    let isWithin = true;
    // The first octet says what follows: RFC 7541 §6.
    while (input.at < end) {
      const first = block[input.at] as number;
      if (first >= 0x80) {
        const field = this.entry(this.integer(0x7f));
        isWithin = this.admits(field.size);
        if (isWithin) sink.add(field);
      } else if (first >= 0x40) {
        isWithin = this.literal(0x3f, true, sink);
      } else if (first < 0x20) {
        isWithin = this.literal(0x0f, false, sink);
      } else {
        if (this.count > 0 || ++updates > maxUpdates) throw new HpackError("an unexpected table size update");
        this.resize(this.integer(0x1f));
      }
    }
    input.close();
    nameReader.close();
    valueReader.close();
    return isWithin;
  }

  /** Reads a literal whose name is an entry or a literal too. Returns whether the list is still within its limits. */
  private literal(mask: number, isIndexed: boolean, sink: FieldSink): boolean {
    const index = this.integer(mask);
    const named = index === 0 ? undefined : this.entry(index);
    if (!named) nameReader.read(this.input);
    valueReader.read(this.input);
    const size = fieldSize(named ? named.name.length : nameReader.length, valueReader.length);
    const isWithin = this.admits(size);
    const isKept = isIndexed && this.table.fits(size);
    if (isIndexed && !isKept) this.table.clear();
    if (!isWithin && !isKept) return false;
    const field = named ? fieldNamed(named) : fieldOfLiterals();
    if (isKept) this.table.add(field);
    if (isWithin) sink.add(field);
    return isWithin;
  }

  /** Counts a field, before any string of it is made. Returns whether the list is still within its limits. */
  private admits(size: number): boolean {
    this.size += size;
    this.count++;
    const { listSize, fields, decoded, decodedFields } = this.limits;
    if (this.size > decoded || this.count > decodedFields) {
      throw new HpackError("a header list is far too large", true);
    }
    return this.size <= listSize && this.count <= fields;
  }

  private entry(index: number): Field {
    const field =
      index <= staticFields.length ? staticFields[index - 1] : this.table.get(index - staticFields.length - 1);
    if (!field) throw new HpackError(`the tables have no entry ${index}`);
    return field;
  }

  private resize(size: number): void {
    if (size > this.maxTableSize) throw new HpackError("a table size update is over the size that we permit");
    this.table.resize(size);
  }

  private integer(mask: number): number {
    const value = this.input.read(mask);
    if (value < 0) throw new HpackError("an integer is too long or does not end");
    return value;
  }
}

function fieldNamed({ name, number, isNameValid }: Field): Field {
  const { octets, start, end } = valueReader;
  return new Field(name, valueReader.toString(), number, isNameValid, isValueValid(octets, start, end));
}

function fieldOfLiterals(): Field {
  const name = nameReader.toString();
  const number = numberOf(name);
  const value = valueReader;
  return new Field(
    name,
    value.toString(),
    number,
    number > 0 || isNameValid(nameReader.octets, nameReader.start, nameReader.end),
    isValueValid(value.octets, value.start, value.end),
  );
}
