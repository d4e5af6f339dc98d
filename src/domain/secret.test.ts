import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containsSecret, encodeSecret, hintOf, parseSecret, secretBytes } from "./secret.js";

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex");
const counting = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, "0")).join("");

const vectors = [
  ["pat", `${"00".repeat(31)}01`, "pw_pat_0000000000000000000000000000000000000000001428o0m"],
  ["pat", counting, "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"],
  ["oat", "ff".repeat(32), "pw_oat_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10TKvet"],
] as const;

/** An independent second reading: a regular expression, BigInt arithmetic and a bitwise CRC. */
function reference(text: string): string | undefined {
  const match = /^pw_(pat|oat)_([0-9A-Za-z]{43})([0-4][0-9A-Za-z]{5})$/.exec(text);
  if (!match || text.endsWith("\n")) return undefined;
  const value = (digits: string): bigint =>
    [...digits].reduce((sum, digit) => {
      const code = digit.charCodeAt(0);
      return sum * 62n + BigInt(code < 58 ? code - 48 : code < 91 ? code - 55 : code - 61);
    }, 0n);
  const secret = value(match[2] ?? "");
  if (secret >= 2n ** 256n) return undefined;
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text.slice(0, -6))) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  if (value(match[3] ?? "") !== BigInt((crc ^ 0xffffffff) >>> 0)) return undefined;
  return secret.toString(16).padStart(64, "0");
}

const parsedHex = (text: string, brand = "pw"): string | undefined => {
  const parsed = parseSecret(text, brand);
  return parsed && Buffer.concat(Object.values(secretBytes(parsed))).toString("hex");
};

describe("encodeSecret and parseSecret", () => {
  it.each(vectors)("agree with the published vector of a %s of %s", (kind, hex, text) => {
    expect(encodeSecret("pw", kind, bytes(hex))).toBe(text);
    expect(parsedHex(text)).toBe(hex);
    expect(parseSecret(text, "pw")).toMatchObject({ text, kind, prefix: `pw_${kind}_` });
    expect(reference(text)).toBe(hex);
  });

  it.each([
    ["a swapped kind", "pw_oat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"],
    ["2^256 with a right checksum", "pw_pat_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp22odCqK"],
    ["a leading zero removed", "pw_pat_000000000000000000000000000000000000000001428o0m"],
    ["an unpadded checksum", "pw_oat_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1TKvet"],
    ["TX-5 a secret cut to 40 characters", "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LR"],
    ["TX-5 a secret without its last character", "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGI"],
    ["TX-5 a secret with a character more", "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA0"],
    ["TX-5 a very long one", `pw_pat_${"0".repeat(100_000)}`],
    ["another brand", "gh_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"],
    ["a service key", encodeSecret("pw", "svc", bytes(counting))],
    ["upper case", "PW_PAT_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"],
    ["a trailing newline", "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA\n"],
    ["a leading blank", " pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"],
    ["nothing", ""],
  ])("%s is refused", (_what, text) => {
    expect(parseSecret(text, "pw")).toBeUndefined();
  });

  it("take the tail that belongs to the other kind", () => {
    expect(parsedHex("pw_oat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2utssN")).toBe(counting);
  });

  it("read back whatever was written, under any brand", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom("pat" as const, "oat" as const),
        fc.stringMatching(/^[a-z][a-z0-9]{1,9}$/),
        (random, kind, brand) => {
          const text = encodeSecret(brand, kind, random);
          const parsed = parseSecret(text, brand);
          expect(parsed?.kind).toBe(kind);
          expect(parsedHex(text, brand)).toBe(Buffer.from(random).toString("hex"));
        },
      ),
    );
  });

  it("agree with an independent reading of whatever text", () => {
    const good = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((random) => encodeSecret("pw", "pat", random));
    const damaged = fc
      .tuple(good, fc.nat({ max: 55 }), fc.string({ unit: "binary", maxLength: 2 }))
      .map(([text, at, insert]) => text.slice(0, at) + insert + text.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(good, damaged, fc.string({ unit: "binary", maxLength: 300 })), (text) => {
        expect(parsedHex(text)).toBe(reference(text));
      }),
    );
  });

  it("find every change of one character", () => {
    const [, , text] = vectors[1];
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "1" ? "2" : "1";
      expect(parseSecret(text.slice(0, at) + other + text.slice(at + 1), "pw")).toBeUndefined();
    }
  });
});

describe("hintOf", () => {
  it("shows the prefix and the last four characters", () => {
    expect(hintOf("pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA")).toBe("pw_pat_...RGIA");
  });
});

describe("containsSecret", () => {
  const key = encodeSecret("acme", "svc", bytes(counting));

  it.each([
    ...vectors.map(([, , text]) => text),
    key,
    `pasted${vectors[1][2]} by mistake`,
    `user:${vectors[2][2]}`,
    `${vectors[0][2]}${key}`,
  ])("finds one in %s", (text) => {
    expect(containsSecret(text)).toBe(true);
  });

  it.each(["", "CI key", "pw_pat_", vectors[1][2].slice(0, -1), `${vectors[1][2].slice(0, -1)}B`, "_pat_".repeat(40)])(
    "finds none in %j",
    (text) => {
      expect(containsSecret(text)).toBe(false);
    },
  );
});
