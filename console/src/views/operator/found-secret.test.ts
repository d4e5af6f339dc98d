import { describe, expect, it } from "vitest";
import { foundText, sha256 } from "./found-secret.js";

/** The SHA-256 of `abc`, from FIPS 180-2. */
const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const secret = "pw_pat_0123456789abcdefghijklmnop";

describe("a text that was found", () => {
  it.each([
    [secret, { kind: "secret", secret }],
    [` Bearer ${secret}\n`, { kind: "secret", secret }],
    [hash, { kind: "hash", hash }],
    [hash.toUpperCase(), { kind: "hash", hash }],
    ["", { kind: "wrong" }],
    ["short", { kind: "wrong" }],
    ["two words that are long enough", { kind: "wrong" }],
    ["tok_1", { kind: "wrong" }],
  ])("%j is read", (text, found) => {
    expect(foundText(text)).toEqual(found);
  });

  it("has the SHA-256 that others compute too", async () => {
    expect(await sha256("abc")).toBe(hash);
  });
});
