import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decompress, MessageReader, prefixOf } from "./messages.js";
import { codes } from "./status.js";

interface Read {
  readonly messages: readonly (readonly [octets: string, isCompressed: boolean])[];
  readonly reader: MessageReader;
}

function read(chunks: readonly Uint8Array[], maxLength = 1_000): Read {
  const messages: [string, boolean][] = [];
  const sink = {
    message: (octets: Buffer, start: number, end: number, isCompressed: boolean) =>
      void messages.push([octets.toString("latin1", start, end), isCompressed]),
  };
  const reader = new MessageReader(sink, maxLength);
  for (const chunk of chunks) {
    // The octets are valid only until it returns.
    const octets = Buffer.concat([Buffer.from("<<"), chunk, Buffer.from(">>")]);
    reader.read(octets, 2, octets.length - 2);
    octets.fill(0);
  }
  return { messages, reader };
}

const framed = (text: string, flag = 0): Buffer => {
  const prefix = Buffer.from(prefixOf(text.length));
  prefix[0] = flag;
  return Buffer.concat([prefix, Buffer.from(text, "latin1")]);
};

describe("messages in a stream", () => {
  it("are the same wherever the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 40, unit: "grapheme-ascii" }), fc.boolean()), { maxLength: 6 }),
        fc.array(fc.nat(300)),
        (sent, cuts) => {
          const stream = Buffer.concat(sent.map(([text, isCompressed]) => framed(text, Number(isCompressed))));
          const places = [...new Set([0, ...cuts.filter((cut) => cut < stream.length), stream.length])];
          places.sort((one, other) => one - other);
          const { messages, reader } = read(places.slice(1).map((end, index) => stream.subarray(places[index], end)));
          expect(messages).toEqual(sent);
          expect([reader.isInside, reader.held]).toEqual([false, 0]);
        },
      ),
    );
  });

  it("say how much of a message is missing", () => {
    const { reader } = read([framed("abcdef").subarray(0, 8)]);
    expect([reader.isInside, reader.arrived, reader.missing]).toEqual([true, 8, 3]);
    const begun = read([framed("abcdef").subarray(0, 2)]).reader;
    expect([begun.isInside, begun.arrived, begun.missing]).toEqual([true, 2, 3]);
  });

  it("cost memory for what has arrived, not for what is announced", () => {
    const { reader } = read([framed("x".repeat(200_000)).subarray(0, 100)], 256 * 1024);
    expect(reader.held).toBe(1_024);
  });

  it.each([
    ["a longer one than allowed, as soon as it is announced", prefixOf(1_001), codes.resourceExhausted],
    ["a flag that does not exist", Buffer.from([2, 0, 0, 0, 0]), codes.internal],
  ])("must not have %s", (_what, octets, code) => {
    const copied = Buffer.from(octets);
    expect(() => read([copied])).toThrow(expect.objectContaining({ code }));
    expect(read([prefixOf(1_000)]).reader.isInside).toBe(true);
  });
});

describe("a compressed message", () => {
  it.each([
    ["gzip", gzipSync("text")],
    ["deflate", deflateSync("text")],
  ] as const)("of %s is read", (encoding, octets) => {
    expect(decompress(octets, encoding, 4).toString()).toBe("text");
  });

  it.each([
    ["longer than allowed (CVE-2026-48069)", gzipSync("text"), "gzip", 3, codes.resourceExhausted],
    ["a bomb", gzipSync(Buffer.alloc(10_000_000)), "gzip", 1_000, codes.resourceExhausted],
    ["broken", Buffer.from("text"), "gzip", 10, codes.internal],
    ["cut off", gzipSync("text").subarray(0, 12), "gzip", 10, codes.internal],
    ["of the other kind", gzipSync("text"), "deflate", 10, codes.internal],
    ["empty", Buffer.alloc(0), "gzip", 10, codes.internal],
    ["without grpc-encoding", gzipSync("text"), "identity", 10, codes.internal],
  ] as const)("that is %s is refused", (_what, octets, encoding, maxLength, code) => {
    expect(() => decompress(octets, encoding, maxLength)).toThrow(expect.objectContaining({ code }));
  });
});
