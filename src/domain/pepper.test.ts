import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PepperRing } from "./pepper.js";
import { encodeSecret, parseSecret, secretBytes } from "./secret.js";

const range = (start: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => start + index);
const pepper1 = { version: 1, key: range(0), active: true };
const pepper2 = { version: 2, key: range(32), active: false };
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

const vectors = [
  [
    "A",
    "pat",
    1,
    "00".repeat(24),
    "276782de1ec09358",
    "pw_pat_000000000000000000000000000000003NkOm2cc1tI1MffQE",
    "3889916ecfda897fe419ba6dda4872e53511b1da7f6c3527d75d0b5f2570c762",
    "51ec7d4ff9f0d016fc9941f2ce5af30f3d476ae2a03442c39d0be10ce7e621bf",
  ],
  [
    "B",
    "pat",
    1,
    "000102030405060708090a0b0c0d0e0f1011121314151617",
    "e4a19b1dcb4bf2ae",
    "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRc0LvBAqXPGo0ITLeB",
    "734dff0d0139400168ca253fe010ac2a8e07be81fa1e6bdb1182e6b9133fea66",
    "f165bbbef2f3733329bde321e6c74d96b480e083dd8f6628e5638b809c099630",
  ],
  [
    "C",
    "oat",
    2,
    "ff".repeat(24),
    "d8717cf95a2deef2",
    "pw_oat_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuC6eAPqpJyqyg3wGebW",
    "62e9dd65718a0ae97644bfff37a97c3d183caf2161bd5800b452fa031030db5f",
    "553286a6558abb0c6df67673fee24247739dba46f78953dc7b4f129ec7b5e2fb",
  ],
] as const;

describe("PepperRing", () => {
  it.each(vectors)("mints and recognizes vector %s", (_id, kind, version, random, tag, text, digest, sha) => {
    const peppers = [pepper1, pepper2].map((pepper) => ({ ...pepper, active: pepper.version === version }));
    const ring = new PepperRing("pw", peppers, () => Buffer.from(random, "hex"));
    const minted = ring.mint(kind);
    expect(minted).toMatchObject({ text, pepperVersion: version });
    expect(hex(minted.digest)).toBe(digest);
    expect(createHash("sha256").update(minted.text).digest("hex")).toBe(sha);
    const parsed = parseSecret(text, "pw");
    expect(hex(parsed && secretBytes(parsed).tag)).toBe(tag);
    // Whichever pepper is active, all verify.
    for (const active of [1, 2]) {
      const other = new PepperRing(
        "pw",
        [pepper1, pepper2].map((pepper) => ({ ...pepper, active: pepper.version === active })),
      );
      const recognized = parsed && other.recognize(parsed);
      expect(recognized?.pepperVersion).toBe(version);
      expect(hex(recognized?.digest)).toBe(digest);
    }
  });

  it("has the published check value", () => {
    const values = new PepperRing("pw", [pepper1]).checkValues();
    expect([...values.keys()]).toEqual([1]);
    expect(hex(values.get(1))).toBe("e795c9f7b412adf706b7e1ef925ebc7f9ed7053e6c74c551cb0f240a02d67f08");
  });

  it("does not recognize well-formed secrets that it never made", () => {
    const ring = new PepperRing("pw", [pepper1, pepper2]);
    for (let round = 0; round < 1000; round++) {
      const parsed = parseSecret(encodeSecret("pw", "pat", randomBytes(32)), "pw");
      expect(parsed && ring.recognize(parsed)).toBeUndefined();
    }
  });

  it("does not recognize a secret of one kind under another, nor one of a pepper that is gone", () => {
    const both = new PepperRing("pw", [pepper1, { ...pepper2, active: false }]);
    const minted = parseSecret(both.mint("pat").text, "pw");
    const bytes = minted ? Buffer.concat(Object.values(secretBytes(minted))) : Buffer.alloc(0);
    const swapped = parseSecret(encodeSecret("pw", "oat", bytes), "pw");
    expect(swapped && both.recognize(swapped)).toBeUndefined();
    const rotated = new PepperRing("pw", [{ ...pepper2, active: true }]);
    expect(minted && rotated.recognize(minted)).toBeUndefined();
  });

  it("never mints the same secret twice", () => {
    const ring = new PepperRing("pw", [pepper1]);
    const texts = new Set(Array.from({ length: 1000 }, () => ring.mint("pat").text));
    expect(texts.size).toBe(1000);
  });

  it("derives keys for other purposes, the active pepper's first, apart by label", () => {
    const ring = new PepperRing("pw", [pepper2, pepper1]);
    const [first, second] = ring.deriveKeys("page token");
    expect(hex(first)).toBe(hex(new PepperRing("pw", [pepper1]).deriveKey("page token")));
    expect(hex(ring.deriveKey("page token"))).toBe(hex(first));
    expect(second).toHaveLength(32);
    expect(hex(ring.deriveKey("other"))).not.toBe(hex(first));
  });

  it.each([
    ["no active pepper", [pepper2]],
    ["two active peppers", [pepper1, { ...pepper2, active: true }]],
    ["a version twice", [pepper1, { ...pepper2, version: 1 }]],
    ["a short key", [{ ...pepper1, key: new Uint8Array(31) }]],
  ])("refuses %s", (_what, peppers) => {
    expect(() => new PepperRing("pw", peppers)).toThrow();
  });
});
