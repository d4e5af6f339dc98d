import { integerLength, writeInteger } from "./integer.js";
import { staticFieldIndex, staticNameIndex } from "./static-table.js";

/*
 * The encoder never adds to the peer's table, so that it has no state, and blocks can be made once and sent often. It
 * does not use the Huffman code: the octets it would save cost more time than they are worth.
 */

/**
 * Sets the size of the table to 0. Must begin the next block after the peer has set SETTINGS_HEADER_TABLE_SIZE below
 * 4,096, even though the table is empty (RFC 7541 §4.2): nghttp2 refuses the block otherwise.
 */
export const emptyTableUpdate = 0x20;

/** Returns how many octets `writeField` writes for the same field. */
export function encodedLength(name: string, value: string, neverIndexed = false): number {
  if (!neverIndexed && staticFieldIndex(name, value) > 0) return 1;
  const index = staticNameIndex(name);
  return integerLength(0x0f, index) + (index > 0 ? 0 : stringLength(name)) + stringLength(value);
}

/**
 * Writes one field. Each character is sent as one octet, so name and value must be Latin-1 and valid fields: nothing
 * is checked here. Returns the offset behind it.
 *
 * @param neverIndexed For credentials: no proxy on the way may add the field to a table (RFC 7541 §7.1.3).
 */
export function writeField(
  target: Uint8Array,
  offset: number,
  name: string,
  value: string,
  neverIndexed = false,
): number {
  const known = neverIndexed ? 0 : staticFieldIndex(name, value);
  if (known > 0) return writeInteger(target, offset, 0x80, 0x7f, known);
  const index = staticNameIndex(name);
  const at = writeInteger(target, offset, neverIndexed ? 0x10 : 0, 0x0f, index);
  return writeString(target, index > 0 ? at : writeString(target, at, name), value);
}

/** Returns the block of these fields; those with a name of `neverIndexed` are written so. Names and values as above. */
export function encodeBlock(
  fields: Iterable<readonly [name: string, value: string]>,
  { neverIndexed = new Set() }: { readonly neverIndexed?: ReadonlySet<string> } = {},
): Buffer {
  const list = [...fields];
  let length = 0;
  for (const [name, value] of list) length += encodedLength(name, value, neverIndexed.has(name));
  const block = Buffer.allocUnsafe(length);
  let at = 0;
  for (const [name, value] of list) at = writeField(block, at, name, value, neverIndexed.has(name));
  return block;
}

function stringLength(text: string): number {
  return integerLength(0x7f, text.length) + text.length;
}

function writeString(target: Uint8Array, offset: number, text: string): number {
  const start = writeInteger(target, offset, 0, 0x7f, text.length);
  for (let at = 0; at < text.length; at++) target[start + at] = text.charCodeAt(at);
  return start + text.length;
}
