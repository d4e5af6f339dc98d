import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Failure } from "../domain/errors.js";

/**
 * A part of two bytes becomes an object of many bytes, and decoding takes a thousand times as long as sending. Anybody
 * may send 256 KiB of such parts without a credential, which would block the process for a third of a second. So large
 * messages are checked before they are decoded.
 */

/** The most messages within a message, entries of maps and unknown fields together. A full BatchCheck has 1,000. */
export const maxParts = 2_000;

/** The most commas and opening braces of a JSON body: twice what the largest request needs. */
export const maxJsonParts = 10_000;

/** The depth up to which protobuf-es reads. */
const maxDepth = 100;

/** Throws INVALID_FIELD for a message that has too many parts. Invalid bytes are left to the decoder. */
export function refuseManyParts(desc: DescMessage, bytes: Uint8Array): void {
  // Each part has at least two bytes.
  if (bytes.length <= 2 * maxParts) return;
  let left = maxParts;
  const reader = new BinaryReader(bytes);
  const look = (of: DescMessage | undefined, end: number, depth: number): void => {
    while (reader.pos < end && left >= 0 && depth <= maxDepth) {
      const [number, wireType] = reader.tag();
      const field = of?.fields.find((candidate) => candidate.number === number);
      if (!field || field.message || field.fieldKind === "map") left--;
      if (field?.message && wireType === WireType.LengthDelimited) {
        const length = reader.uint32();
        look(partsOf(field), Math.min(end, reader.pos + length), depth + 1);
      } else reader.skip(wireType, number);
    }
  };
  try {
    look(desc, bytes.length, 0);
  } catch {
    return;
  }
  if (left < 0) throw tooMany(`the message must have at most ${maxParts} messages and map entries in it`);
}

/** Returns the message type inside a field. None of our maps holds messages: entries count like unknown fields. */
function partsOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "map" ? undefined : field.message;
}

/**
 * Yields a body of binary messages unchanged, message by message, each checked for its parts: Connect, gRPC-Web and
 * gRPC decode by themselves. `enveloped`: each message follows a byte of flags and four bytes of its length. A message
 * longer than `maxBytes` is passed on unchecked; the decoder refuses it for its length.
 */
export async function* lookedOver(
  body: AsyncIterable<Uint8Array>,
  { desc, enveloped, maxBytes }: { readonly desc: DescMessage; readonly enveloped: boolean; readonly maxBytes: number },
): AsyncGenerator<Uint8Array> {
  const prefix = enveloped ? 5 : 0;
  let chunks: Uint8Array[] = [];
  let length = 0;
  /** The length of the message with its prefix, once the prefix has arrived. */
  let wanted = enveloped ? undefined : Number.POSITIVE_INFINITY;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    while (length >= (wanted ?? prefix)) {
      const bytes = Buffer.concat(chunks);
      wanted ??= prefix + bytes.readUInt32BE(1);
      if (length < wanted) {
        chunks = [bytes];
        break;
      }
      refuseManyParts(desc, bytes.subarray(prefix, wanted));
      yield bytes.subarray(0, wanted);
      chunks = [bytes.subarray(wanted)];
      length -= wanted;
      wanted = undefined;
    }
    if (length <= prefix + maxBytes) continue;
    yield* chunks;
    yield* body;
    return;
  }
  if (length === 0) return;
  const rest = Buffer.concat(chunks);
  if (!enveloped) refuseManyParts(desc, rest);
  yield rest;
}

/** The same for a JSON body. Commas and braces inside strings count too. */
export function refuseManyJsonParts(bytes: Uint8Array): void {
  if (bytes.length <= maxJsonParts) return;
  let count = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x7b) count++;
  if (count > maxJsonParts) throw tooMany(`the body must have at most ${maxJsonParts} commas and opening braces`);
}

function tooMany(description: string): Failure {
  return new Failure("INVALID_FIELD", { violations: [{ field: "", description }] });
}
