import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { newTokenId } from "./ids.js";
import { openPageToken, openPosition, sealPageToken, sealPosition } from "./page-token.js";

const keys = [randomBytes(32), randomBytes(32)];

describe("page tokens", () => {
  it("lead back to the id that they were made of, under any of the keys", () => {
    const id = newTokenId();
    const token = sealPageToken(keys, "scope", id);
    expect(openPageToken(keys, "scope", token)).toBe(id);
    expect(openPageToken(keys.toReversed(), "scope", token)).toBe(id);
  });

  it("open under no other key and for no other scope", () => {
    const token = sealPageToken(keys, "scope", newTokenId());
    expect(openPageToken([randomBytes(32)], "scope", token)).toBeUndefined();
    expect(openPageToken(keys, "scope2", token)).toBeUndefined();
  });

  it("are refused when a single character differs, also where the bytes would be the same", () => {
    const token = sealPageToken(keys, "scope", newTokenId());
    const variants = [...token].flatMap((character, at) =>
      ["A", "B", "_", "=", "\n"]
        .filter((other) => other !== character)
        .flatMap((other) => [
          token.slice(0, at) + other + token.slice(at + 1),
          token.slice(0, at) + other + token.slice(at),
        ]),
    );
    for (const variant of ["", "x", `${token}=`, ` ${token}`, ...variants]) {
      expect(openPageToken(keys, "scope", variant), variant).toBeUndefined();
    }
  });

  it("hold positions of any length, none of which passes for another or for an id", () => {
    for (const text of ["", "x", "s".repeat(16), JSON.stringify(["2026-03-01T12:00:00Z", "user:ü"])]) {
      const token = sealPosition(keys, "scope", Buffer.from(text));
      expect(Buffer.from(openPosition(keys, "scope", token) ?? "none").toString()).toBe(text);
      expect(openPosition(keys, "other", token)).toBeUndefined();
      if (text.length !== 16) expect(openPageToken(keys, "scope", token)).toBeUndefined();
    }
    // A byte does not move between position and scope.
    const bytes = Buffer.from(sealPosition(keys, "scope", Buffer.from("ab")), "base64url");
    const shifted = Buffer.concat([Buffer.from("a"), bytes.subarray(2)]).toString("base64url");
    expect(openPosition(keys, "bscope", shifted)).toBeUndefined();
  });
});
