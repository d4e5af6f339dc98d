import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HpackDecoder } from "./decoder.js";
import { emptyTableUpdate, encodeBlock, encodedLength, writeField } from "./encoder.js";

const unlimited = { listSize: Infinity, fields: Infinity, decoded: Infinity, decodedFields: Infinity };

function decode(block: Uint8Array): readonly (readonly [string, string])[] {
  const fields: [string, string][] = [];
  new HpackDecoder(unlimited).decode(block, 0, block.length, { add: ({ name, value }) => fields.push([name, value]) });
  return fields;
}

describe("a block", () => {
  it.each<[string, string, string, boolean, string]>([
    ["an entry of the static table", ":method", "POST", false, "83"],
    ["an entry without a value", "authorization", "", false, "97"],
    ["a name of the static table", ":path", "/a", false, "04022f61"],
    ["a name far down in the static table", "content-type", "b", false, "0f100162"],
    ["a new name", "te", "x", false, "000274650178"],
    ["a credential", "authorization", "s", true, "1f080173"],
    ["an empty credential", "authorization", "", true, "1f0800"],
    ["a credential with a new name", "k", "s", true, "10016b0173"],
    ["a method that is secret", ":method", "POST", true, "1204504f5354"],
    ["octets above ASCII", "k", "é", false, "00016b01e9"],
  ])("of %s", (_, name, value, isSecret, hex) => {
    const block = encodeBlock([[name, value]], { neverIndexed: new Set(isSecret ? [name] : []) });
    expect(block.toString("hex")).toBe(hex);
    expect(encodedLength(name, value, isSecret)).toBe(block.length);
  });

  it.each([126, 127, 128, 254, 255, 16_384])("has a string of %d octets", (length) => {
    const fields = [["n".repeat(length), "v".repeat(length)]] as const;
    expect(decode(encodeBlock(fields))).toEqual(fields);
  });

  it("is decoded to the fields it was made of, and is as long as said", () => {
    const octets = (from: number) =>
      fc.string({
        unit: fc.integer({ min: from, max: 255 }).map((octet) => String.fromCharCode(octet)),
        maxLength: 300,
      });
    const name = fc.oneof(octets(0), fc.constantFrom(":method", ":status", "authorization", "te", "accept-encoding"));
    const value = fc.oneof(octets(0), fc.constantFrom("POST", "200", "gzip, deflate"));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.array(name), (fields, secrets) => {
        const neverIndexed = new Set(secrets);
        const block = encodeBlock(fields, { neverIndexed });
        expect(decode(block)).toEqual(fields);
        const length = fields.reduce(
          (sum, [name, value]) => sum + encodedLength(name, value, neverIndexed.has(name)),
          0,
        );
        expect(block).toHaveLength(length);
      }),
    );
  });

  it("is written where it is told, between other octets", () => {
    const target = Buffer.alloc(8, 0xaa);
    expect(writeField(target, 2, ":path", "/a")).toBe(6);
    expect(target.toString("hex")).toBe("aaaa04022f61aaaa");
  });

  it("may begin with an update of the table size", () => {
    expect(decode(Buffer.of(emptyTableUpdate, 0x83))).toEqual([[":method", "POST"]]);
  });
});
