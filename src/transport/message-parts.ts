import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Failure } from "../domain/errors.js";

/*
 * A part of two bytes becomes an object of many, and takes a thousand times as long to make as to send: 256 KiB of
 * them, which anybody may send without a credential, would stop everything else for a third of a second. So what is
 * large is looked over before it is decoded.
 */

/** Messages within a message, entries of maps and unknown fields, all together. A full BatchCheck has 1,000. */
export const maxParts = 2_000;

/** Commas and opening braces of a JSON body: twice what the largest request needs. */
export const maxJsonParts = 10_000;

/** As deep as protobuf-es reads. */
const maxDepth = 100;

/** Throws INVALID_FIELD for a message that has too many parts. What cannot be read is left to the decoder. */
export function refuseManyParts(desc: DescMessage, bytes: Uint8Array): void {
  // Each part takes two bytes at least.
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
  if (left < 0) throw tooMany(`the message must have at most ${maxParts} messages and entries of maps in it`);
}

/** No map of ours holds messages: their entries are looked at as if they were unknown. */
function partsOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "map" ? undefined : field.message;
}

/**
 * A body of binary messages as it came, each whole and looked over: Connect, gRPC-Web and gRPC decode by themselves.
 * `enveloped`: each behind a byte of flags and four of its length. What is longer than `maxBytes` is handed on as it
 * comes, to be refused for its length.
 */
export async function* lookedOver(
  body: AsyncIterable<Uint8Array>,
  { desc, enveloped, maxBytes }: { readonly desc: DescMessage; readonly enveloped: boolean; readonly maxBytes: number },
): AsyncGenerator<Uint8Array> {
  const prefix = enveloped ? 5 : 0;
  let chunks: Uint8Array[] = [];
  let length = 0;
  /** The length of the message with its prefix, once that is here. */
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

/** The same for a body of JSON; also what is in texts is counted. */
export function refuseManyJsonParts(bytes: Uint8Array): void {
  if (bytes.length <= maxJsonParts) return;
  let count = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x7b) count++;
  if (count > maxJsonParts) throw tooMany(`the body must have at most ${maxJsonParts} commas and opening braces`);
}

function tooMany(description: string): Failure {
  return new Failure("INVALID_FIELD", { violations: [{ field: "", description }] });
}
