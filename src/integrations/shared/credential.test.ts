import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCredential } from "./credential.js";
import type { RawHeaders } from "./raw-headers.js";

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const authorization = (value: string): RawHeaders => [["authorization", value]];
const none = { kind: "none" };
const ambiguous = { kind: "ambiguous" };
const one = (text: string) => ({ kind: "one", text });

describe("the one credential of a request", () => {
  it.each<[string, RawHeaders, unknown]>([
    ["no header", [], none],
    ["Bearer", authorization("Bearer pw_pat_x"), one("pw_pat_x")],
    ["bEaReR with blanks and tabs around", authorization(" \tbEaReR \t pw_pat_x \t"), one("pw_pat_x")],
    ["X-API-Key", [["x-api-key", "pw_pat_x"]], one("pw_pat_x")],
    ["X-API-Key with blanks around", [["x-api-key", "  pw_pat_x "]], one("pw_pat_x")],
    ["the password of Basic", authorization(basic("anybody:pw_pat_x")), one("pw_pat_x")],
    ["a password with a colon", authorization(basic("anybody:a:b")), one("a:b")],
    ["Basic without a password", authorization(basic("anybody:")), none],
    ["another scheme", authorization("Digest username=x, realm=y"), none],
    [
      "another scheme beside a key",
      [
        ["authorization", "Digest username=x"],
        ["x-api-key", "pw_pat_x"],
      ],
      one("pw_pat_x"),
    ],
    ["an empty header", authorization(""), none],
    ["a scheme alone", authorization("Bearer"), none],
    [
      "other headers",
      [
        ["cookie", "Bearer pw_pat_x"],
        ["x-api-keys", "pw_pat_x"],
      ],
      none,
    ],
    [
      "both headers",
      [
        ["authorization", "Bearer pw_pat_x"],
        ["x-api-key", "pw_pat_x"],
      ],
      ambiguous,
    ],
    [
      "two lines",
      [
        ["authorization", "Bearer pw_pat_x"],
        ["authorization", "Bearer pw_pat_x"],
      ],
      ambiguous,
    ],
    [
      "two lines, one empty",
      [
        ["authorization", ""],
        ["authorization", "Bearer pw_pat_x"],
      ],
      ambiguous,
    ],
    ["two lines joined", authorization("Bearer pw_pat_x, Bearer pw_pat_y"), ambiguous],
    ["two lines joined without a blank", authorization("Bearer pw_pat_x,Bearer pw_pat_y"), ambiguous],
    ["two keys joined", [["x-api-key", "pw_pat_x,pw_pat_y"]], ambiguous],
    ["a key with a blank inside", [["x-api-key", "pw_pat_x pw_pat_y"]], ambiguous],
    ["no Base64", authorization("Basic pw_pat_x"), ambiguous],
    ["Basic without a colon", authorization(basic("pw_pat_x")), ambiguous],
    ["an overlong header", authorization(`Bearer ${"x".repeat(20_000)}`), ambiguous],
  ])("%s", (_, headers, expected) => {
    expect(readCredential(headers, { basic: true })).toEqual(expected);
  });

  it("is not read from Basic where the integration does not admit it", () => {
    expect(readCredential(authorization(basic("anybody:pw_pat_x")), { basic: false })).toEqual(none);
  });

  it("is never part of two, and always one token", () => {
    const value = fc.oneof(fc.string(), fc.constantFrom("Bearer a", "bearer  b ", "Basic YTpi", "c", "Bearer a,b", ""));
    const header = fc.tuple(fc.constantFrom("authorization", "x-api-key", "host"), value);
    fc.assert(
      fc.property(fc.array(header, { maxLength: 4 }), (headers) => {
        const shown = readCredential(headers, { basic: true });
        if (shown.kind !== "one") return;
        expect(shown.text).toMatch(/^[\x21-\x7e]+$/);
        const names = headers.map(([name]) => name).filter((name) => name !== "host");
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });
});
