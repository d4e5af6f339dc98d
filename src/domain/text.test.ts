import { describe, expect, it } from "vitest";
import { encodeSecret } from "./secret.js";
import { checkLabels, checkText, harmlessText } from "./text.js";

describe("harmlessText", () => {
  it.each([
    ["leaves what is harmless", "Schlüssel \u{1f511}", "Schlüssel \u{1f511}"],
    ["takes away what deceives", "a\0b\u202e\n\ud800\u200bc", "abc"],
    ["cuts to code points", "\u{1f511}".repeat(30), "\u{1f511}".repeat(20)],
    ["is quick with long texts", `${"\u200b".repeat(100)}a`, ""],
  ])("%s", (_, text, expected) => {
    expect(harmlessText(text, 20)).toBe(expected);
  });
});

describe("checkText", () => {
  it.each([
    ["plain text", "CI key", { max: 100 }],
    ["an empty text that is not required", "", { max: 100 }],
    ["letters of any script", "Schlüssel für das 日本 office \u{1f511}", { max: 100, required: true }],
    ["exactly the limit in code points", "\u{1f511}".repeat(100), { max: 100 }],
    ["line breaks and tabs where admitted", "a\r\n\tb", { max: 10, multiline: true }],
  ])("admits %s", (_what, text, rule) => {
    expect(checkText(text, rule)).toBeUndefined();
  });

  it.each([
    ["empty when required", "", { max: 9, required: true }, "blank"],
    ["blank when required", " \u00a0\u3000", { max: 9, required: true }, "blank"],
    ["over the limit", "a".repeat(101), { max: 100 }, "at most 100"],
    ["a secret", `CI ${encodeSecret("pw", "svc", new Uint8Array(32))}`, { max: 100 }, "must not contain the secret"],
    ["over the limit in code points", "\u{1f511}".repeat(101), { max: 100 }, "at most 100"],
    ["far over the limit", "a".repeat(1_000_000), { max: 100 }, "at most 100"],
    ["a line break", "a\nb", { max: 9 }, "control"],
    ["NUL, also in several lines", "a\0", { max: 9, multiline: true }, "control"],
    ["an escape sequence", "\u001b[31m", { max: 9, multiline: true }, "control"],
    ["DEL", "\u007f", { max: 9 }, "control"],
    ["a C1 control", "\u0085a", { max: 9 }, "control"],
    ["a line separator", "a\u2028", { max: 9, multiline: true }, "control"],
    ["a bidirectional override", "\u202eevil", { max: 9 }, "control"],
    ["a bidirectional isolate", "\u2066a", { max: 9 }, "control"],
    ["a right-to-left mark", "\u200fa", { max: 9 }, "control"],
    ["a zero-width blank", "a\u200bb", { max: 9 }, "control"],
    ["a zero-width joiner", "a\u200db", { max: 9 }, "control"],
    ["a byte order mark", "a\ufeffb", { max: 9 }, "control"],
    ["a soft hyphen", "a\u00adb", { max: 9 }, "control"],
    ["a tag character", "a\u{e0041}", { max: 9 }, "control"],
    ["a Hangul filler", "\u3164", { max: 9, required: true }, "control"],
    ["a lone high surrogate", "a\ud800", { max: 9 }, "control"],
    ["a lone low surrogate", "\udc00a", { max: 9 }, "control"],
    ["U+FFFD", "a\ufffd", { max: 9 }, "control"],
  ])("refuses %s", (_what, text, rule, problem) => {
    expect(checkText(text, rule)).toContain(problem);
  });
});

describe("checkLabels", () => {
  const keys = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

  it.each([
    ["none", {}],
    ["32 keys", keys(32)],
    ["the longest key and value", { ["k".repeat(64)]: "v".repeat(512) }],
    ["an empty value", { k: "" }],
    [
      "4096 bytes together",
      Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`k${index}`, "v".repeat(510)])),
    ],
  ])("admits %s", (_what, labels) => {
    expect(checkLabels(labels)).toEqual([]);
  });

  it.each([
    ["33 keys", keys(33), "32 keys", undefined],
    ["an empty key", { "": "v" }, "empty", undefined],
    ["a key of 65", { ["k".repeat(65)]: "v" }, "64", undefined],
    ["a key with a line break", { "a\nb": "v" }, "control", undefined],
    ["a value of 513", { k: "v".repeat(513) }, "512", "k"],
    ["a value with NUL", { k: "\0" }, "control", "k"],
    [
      "4097 bytes",
      { ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, "v".repeat(510)])), k0: "v".repeat(511) },
      "4096",
      undefined,
    ],
    [
      "4 KiB of code points that are more bytes",
      Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`k${i}`, "é".repeat(512)])),
      "4096",
      undefined,
    ],
    // JSON.parse makes it an own property; an object literal would set the prototype.
    ["__proto__", JSON.parse('{"__proto__":"v"}') as Record<string, string>, "__proto__", undefined],
  ])("refuses %s", (_what, labels, problem, key) => {
    const problems = checkLabels(labels);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.problem).toContain(problem);
    expect(problems[0]?.key).toBe(key);
  });

  it("returns every problem", () => {
    expect(checkLabels({ "": "v", a: "\0", b: "fine", c: "\ufffd" })).toHaveLength(3);
  });
});
