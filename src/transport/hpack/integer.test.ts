import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IntegerReader, integerLength, writeInteger } from "./integer.js";

function read(mask: number, ...octets: readonly number[]): readonly [value: number, at: number] {
  const reader = new IntegerReader();
  reader.open(Buffer.of(0x55, ...octets, 0x55), 1, 1 + octets.length);
  return [reader.read(mask), reader.at - 1];
}

describe("an integer", () => {
  it.each<[string, number, readonly number[], number]>([
    ["C.1.1", 0x1f, [0b1110_1010], 10],
    ["C.1.2", 0x1f, [0b0001_1111, 0b1001_1010, 0b0000_1010], 1337],
    ["C.1.3", 0xff, [0b0010_1010], 42],
  ])("of RFC 7541 %s", (_, mask, octets, value) => {
    expect(read(mask, ...octets)).toEqual([value, octets.length]);
  });

  it.each<[string, readonly number[], number]>([
    ["just the prefix and a zero", [0x7f, 0], 127],
    ["zeros that say nothing", [0x7f, 0x80, 0x80, 0], 127],
    ["four more octets, the most", [0x7f, 0xff, 0xff, 0xff, 0x7f], 127 + 2 ** 28 - 1],
  ])("of %s", (_, octets, value) => {
    expect(read(0x7f, ...octets, 1)).toEqual([value, octets.length]);
  });

  it.each<[string, readonly number[]]>([
    ["of five more octets (GHSA-w3f6-pc54-gfw7)", [0x7f, 0xff, 0xff, 0xff, 0xff, 0]],
    ["of five more octets that say nothing", [0x7f, 0x80, 0x80, 0x80, 0x80, 0]],
    ["that does not end", [0x7f, 0x80]],
    ["that ends after the prefix", [0x7f]],
    ["of nothing", []],
  ])("%s is refused", (_, octets) => {
    expect(read(0x7f, ...octets)[0]).toBe(-1);
  });

  it("is read as it was written, and is as long as said", () => {
    const masks = fc.constantFrom(0x0f, 0x1f, 0x3f, 0x7f);
    const values = fc.oneof(fc.nat(300), fc.nat(2 ** 28 - 1));
    fc.assert(
      fc.property(masks, values, (mask, value) => {
        const target = Buffer.alloc(8);
        const end = writeInteger(target, 1, 0, mask, value);
        expect(end).toBe(1 + integerLength(mask, value));
        expect(read(mask, ...target.subarray(1, end))).toEqual([value, end - 1]);
      }),
    );
  });

  it("keeps the flags of its first octet", () => {
    const target = Buffer.alloc(2);
    writeInteger(target, 0, 0x80, 0x7f, 5);
    writeInteger(target, 1, 0x10, 0x0f, 15);
    expect([...target]).toEqual([0x85, 0x1f]);
  });
});
