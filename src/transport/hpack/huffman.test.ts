import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHuffman, maxDecodedLength } from "./huffman.js";

function decode(bits: string): string | undefined {
  const octets = (bits.match(/.{1,8}/g) ?? []).map((octet) => Number.parseInt(octet, 2));
  const target = Buffer.alloc(maxDecodedLength(octets.length));
  const length = decodeHuffman(Buffer.of(0, ...octets, 0), 1, 1 + octets.length, target);
  return length < 0 ? undefined : target.toString("latin1", 0, length);
}

const code = (hex: number, length: number) => hex.toString(2).padStart(length, "0");
const padded = (bits: string) => bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");

/** The first and the last code of each length (RFC 7541 Appendix B): those between count on from the first. */
const codes: readonly (readonly [octet: number | string, hex: number, length: number])[] = [
  ["0", 0x0, 5],
  ["t", 0x9, 5],
  [" ", 0x14, 6],
  ["u", 0x2d, 6],
  [":", 0x5c, 7],
  ["z", 0x7b, 7],
  ["&", 0xf8, 8],
  ["Z", 0xfd, 8],
  ["!", 0x3f8, 10],
  ["?", 0x3fc, 10],
  ["'", 0x7fa, 11],
  ["|", 0x7fc, 11],
  ["#", 0xffa, 12],
  [">", 0xffb, 12],
  [0, 0x1ff8, 13],
  ["~", 0x1ffd, 13],
  ["^", 0x3ffc, 14],
  ["}", 0x3ffd, 14],
  ["<", 0x7ffc, 15],
  ["{", 0x7ffe, 15],
  ["\\", 0x7fff0, 19],
  [208, 0x7fff2, 19],
  [128, 0xfffe6, 20],
  [226, 0xfffed, 20],
  [153, 0x1fffdc, 21],
  [161, 0x1fffdd, 21],
  [129, 0x3fffd2, 22],
  [1, 0x7fffd8, 23],
  [9, 0xffffea, 24],
  [199, 0x1ffffec, 25],
  [192, 0x3ffffe0, 26],
  [255, 0x3ffffee, 26],
  [203, 0x7ffffde, 27],
  [2, 0xfffffe2, 28],
  [249, 0xffffffe, 28],
  [10, 0x3ffffffc, 30],
  [13, 0x3ffffffd, 30],
  [22, 0x3ffffffe, 30],
];

describe("the Huffman code", () => {
  it.each(codes)("of %j is %d of %d bits", (octet, hex, length) => {
    const text = typeof octet === "number" ? String.fromCharCode(octet) : octet;
    const bits = code(hex, length);
    // At each of the eight places in an octet.
    for (let zeros = 0; zeros < 8; zeros++) {
      expect(decode(padded("00000".repeat(zeros) + bits))).toBe("0".repeat(zeros) + text);
    }
  });

  it("of nothing is nothing", () => {
    expect(decode("")).toBe("");
  });

  it.each<[string, string, string | undefined]>([
    ["no padding", code(0xf8, 8), "&"],
    ["seven ones", padded("00000".repeat(5)), "00000"],
    ["a zero in the padding", "00000110", undefined],
    ["zeros as padding", "00001000", undefined],
    ["eight ones", `${code(0xf8, 8)}11111111`, undefined],
    ["sixteen ones", "1111111111111111", undefined],
    ["eight ones alone", "11111111", undefined],
    ["a code that is cut off", "1111111111111010", undefined],
    ["EOS", padded(`00000${"1".repeat(30)}`), undefined],
    ["EOS before more text", `${"1".repeat(30)}00000${"1".repeat(5)}`, undefined],
  ])("ends with %s", (_, bits, text) => {
    expect(decode(bits)).toBe(text);
  });

  it("never gives more octets than said", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const target = Buffer.alloc(maxDecodedLength(octets.length), 0xaa);
        const length = decodeHuffman(octets, 0, octets.length, target);
        expect(length).toBeLessThanOrEqual((octets.length * 8) / 5);
      }),
    );
  });
});
