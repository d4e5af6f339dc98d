import { describe, expect, it } from "vitest";
import { nearest } from "./nearest.js";

describe("nearest", () => {
  const keys = ["listen", "plaintext", "tls"];

  it.each([
    ["listn", "listen"],
    ["lisetn", "listen"],
    ["liisten", "listen"],
    ["plain_text", "plaintext"],
    ["tsl", undefined],
    ["tl", "tls"],
    ["reflection", undefined],
  ])("takes %s for %s", (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  it("knows nothing among no candidates", () => {
    expect(nearest("listen", [])).toBeUndefined();
  });
});
