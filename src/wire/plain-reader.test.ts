import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlainReader } from "./plain-reader.js";

const written = (write: (writer: BinaryWriter) => BinaryWriter): Buffer =>
  Buffer.from(write(new BinaryWriter()).finish());

describe("PlainReader", () => {
  it("reads small numbers, ASCII and messages of these", () => {
    const bytes = written((writer) =>
      writer
        .tag(1, WireType.Varint)
        .uint32(2 ** 28 - 1)
        .tag(2, WireType.LengthDelimited)
        .string("x".repeat(200))
        .tag(3, WireType.LengthDelimited)
        .fork()
        .tag(1, WireType.LengthDelimited)
        .string("")
        .join(),
    );
    const reader = new PlainReader(bytes);
    expect([reader.tag(), reader.varint()]).toEqual([0x08, 2 ** 28 - 1]);
    expect([reader.tag(), reader.text()]).toEqual([0x12, "x".repeat(200)]);
    expect(reader.tag()).toBe(0x1a);
    const inner = reader.message();
    expect([inner.tag(), inner.text(), inner.tag(), inner.done]).toEqual([0x0a, "", 0, true]);
    expect([reader.tag(), reader.done]).toEqual([0, true]);
  });

  it.each([
    ["a number of 2^28", written((writer) => writer.uint32(2 ** 28)), (reader: PlainReader) => reader.varint()],
    ["a negative number", written((writer) => writer.int32(-1)), (reader: PlainReader) => reader.varint()],
    ["text that is not ASCII", written((writer) => writer.string("é")), (reader: PlainReader) => reader.text()],
    ["a number that is cut off", Buffer.of(0x80), (reader: PlainReader) => reader.varint()],
    ["text that is cut off", Buffer.of(5, 0x61), (reader: PlainReader) => reader.text()],
    ["a message that is cut off", Buffer.of(5, 0x61), (reader: PlainReader) => reader.message().tag()],
    ["nothing", Buffer.alloc(0), (reader: PlainReader) => reader.varint()],
  ])("is not done after %s, and reads nothing more", (_, bytes, read) => {
    const reader = new PlainReader(bytes);
    read(reader);
    expect([reader.done, reader.tag(), reader.done]).toEqual([false, 0, false]);
  });

  it("is not done when bytes are left", () => {
    const reader = new PlainReader(Buffer.of(0x08, 1, 0, 1));
    reader.tag();
    reader.varint();
    // Field 0 does not exist.
    expect([reader.tag(), reader.done]).toEqual([0, false]);
  });

  it("ends for any input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.infiniteStream(fc.nat(3)), (bytes, choices) => {
        let reader = new PlainReader(Buffer.from(bytes));
        for (const choice of choices) {
          if (choice === 0 && reader.tag() === 0) break;
          if (choice === 1) reader.varint();
          if (choice === 2) expect(reader.text()).toMatch(/^[\0-\x7f]*$/);
          if (choice === 3) reader = reader.message();
        }
      }),
    );
  });
});
