import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BatchCheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { CreateTokenRequestSchema } from "#gen/patwarden/v1/token_pb.js";
import { lookedOver, maxJsonParts, maxParts, refuseManyJsonParts, refuseManyParts } from "./message-parts.js";

const tag = (number: number): Buffer => Buffer.of((number << 3) | 2);
const times = (count: number, bytes: Uint8Array): Buffer => Buffer.concat(Array(count).fill(bytes));
/** Returns `count` items of BatchCheck, as small as possible. */
const items = (count: number): Buffer => times(count, Buffer.concat([tag(4), Buffer.of(0)]));
const behind = (payload: Buffer): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
};

describe("S2 a message of too many parts", () => {
  it.each([
    ["items of a list", BatchCheckRequestSchema, items(maxParts + 1)],
    ["unknown fields", BatchCheckRequestSchema, times(maxParts + 1, Buffer.concat([tag(15), Buffer.of(0)]))],
    [
      "rules inside a grant",
      CreateTokenRequestSchema,
      toBinary(
        CreateTokenRequestSchema,
        create(CreateTokenRequestSchema, { grant: { rules: Array.from({ length: maxParts }, () => ({})) } }),
      ),
    ],
    [
      "entries of a map",
      CreateTokenRequestSchema,
      toBinary(
        CreateTokenRequestSchema,
        create(CreateTokenRequestSchema, {
          metadata: Object.fromEntries(Array.from({ length: maxParts + 1 }, (_, index) => [index, ""])),
        }),
      ),
    ],
  ] as const)("S2 is refused: %s", (_what, desc, bytes) => {
    expect(() => refuseManyParts(desc, bytes)).toThrow(
      expect.objectContaining({
        reason: "INVALID_FIELD",
        violations: [expect.objectContaining({ description: expect.stringContaining("at most 2000") })],
      }),
    );
  });

  it("S2 is accepted at the limit of parts, with long texts, or when it is not a message", () => {
    refuseManyParts(BatchCheckRequestSchema, items(maxParts));
    refuseManyParts(
      BatchCheckRequestSchema,
      toBinary(BatchCheckRequestSchema, create(BatchCheckRequestSchema, { token: "x".repeat(200_000) })),
    );
    for (const byte of [0x00, 0x7f, 0xff]) refuseManyParts(BatchCheckRequestSchema, Buffer.alloc(200_000, byte));
  });

  it("S2 in JSON is refused by the number of its commas and braces", () => {
    const body = (count: number) => Buffer.from(`{"items":[${"{},".repeat(count)}{}]}`);
    expect(() => refuseManyJsonParts(body(maxJsonParts / 2))).toThrow(
      expect.objectContaining({ reason: "INVALID_FIELD" }),
    );
    refuseManyJsonParts(body(maxJsonParts / 2 - 2));
  });
});

describe("a body that is checked for its parts", () => {
  async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const read = async (bytes: Uint8Array, size: number, enveloped: boolean): Promise<readonly Buffer[]> => {
    const parts: Buffer[] = [];
    const settings = { desc: BatchCheckRequestSchema, enveloped, maxBytes: 20_000 };
    for await (const part of lookedOver(inChunks(bytes, size), settings)) parts.push(Buffer.from(part));
    return parts;
  };
  const refused = expect.objectContaining({ reason: "INVALID_FIELD" });
  const many = items(maxParts + 1);

  it.each([1, 7, 4_096, 1_000_000])(
    "S2 is passed on unchanged, message by message (%s bytes at once)",
    async (size) => {
      const [first, second] = [behind(items(3)), behind(Buffer.alloc(0))];
      const half = behind(items(9)).subarray(0, 10);
      expect(await read(Buffer.concat([first, second, half]), size, true)).toEqual([first, second, half]);
      expect(await read(items(5), size, false)).toEqual([items(5)]);
      expect(await read(Buffer.alloc(0), size, false)).toEqual([]);
      await expect(read(many, size, false)).rejects.toEqual(refused);
      await expect(read(Buffer.concat([first, behind(many)]), size, true)).rejects.toEqual(refused);
    },
  );

  it("S2 is passed on unchecked when it is too long anyway", async () => {
    for (const enveloped of [true, false]) {
      const body = behind(items(15_000));
      expect(Buffer.concat(await read(body, 4_096, enveloped))).toEqual(body);
    }
  });
});
