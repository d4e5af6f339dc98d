import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyMac, withMac } from "./mac.js";

const keys = [randomBytes(32), randomBytes(32)];

describe("bytes with a MAC", () => {
  it("come back under any of the keys, whatever their length", () => {
    for (const bytes of ["", "x", "s".repeat(16), JSON.stringify(["user:ü"])].map((text) => Buffer.from(text))) {
      const text = withMac(keys, "scope", bytes);
      expect(verifyMac(keys, "scope", text)).toEqual(bytes);
      expect(verifyMac(keys.toReversed(), "scope", text)).toEqual(bytes);
    }
  });

  it("come back under no other key and for no other scope", () => {
    const text = withMac(keys, "scope", randomBytes(16));
    expect(verifyMac([randomBytes(32)], "scope", text)).toBeUndefined();
    expect(verifyMac(keys, "scope2", text)).toBeUndefined();
  });

  it("are refused when a single character differs, also where the bytes would be the same", () => {
    const text = withMac(keys, "scope", randomBytes(16));
    const variants = [...text].flatMap((character, at) =>
      ["A", "B", "_", "=", "\n"]
        .filter((other) => other !== character)
        .flatMap((other) => [
          text.slice(0, at) + other + text.slice(at + 1),
          text.slice(0, at) + other + text.slice(at),
        ]),
    );
    for (const variant of ["", "x", `${text}=`, ` ${text}`, ...variants]) {
      expect(verifyMac(keys, "scope", variant), variant).toBeUndefined();
    }
  });

  it("never move to the scope", () => {
    const bytes = Buffer.from(withMac(keys, "scope", Buffer.from("ab")), "base64url");
    const shifted = Buffer.concat([Buffer.from("a"), bytes.subarray(2)]).toString("base64url");
    expect(verifyMac(keys, "bscope", shifted)).toBeUndefined();
  });
});
