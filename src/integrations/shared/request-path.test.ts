import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readHost, readPath } from "./request-path.js";

describe("a path that everybody reads alike", () => {
  it.each<[string, readonly string[]]>([
    ["/", []],
    ["/docs/1", ["docs", "1"]],
    ["/docs/1?token=../x#y", ["docs", "1"]],
    ["/Docs/a%20b", ["Docs", "a b"]],
    ["/docs/%C3%A9", ["docs", "é"]],
    ["/docs/%C3%A9;v=2", ["docs", "é;v=2"]],
    ["/docs/...", ["docs", "..."]],
    ["/docs/a.b", ["docs", "a.b"]],
    ["/docs/~a+b@c=d|e:f", ["docs", "~a+b@c=d|e:f"]],
  ])("%s", (target, segments) => {
    expect(readPath(target)?.segments).toEqual(segments);
  });

  it.each([
    ["nothing", ""],
    ["an absolute form", "http://app.test/docs/1"],
    ["an asterisk", "*"],
    ["a relative path", "docs/1"],
    ["an empty segment", "/docs//1"],
    ["an empty segment in front", "//docs/1"],
    ["an empty segment at the end", "/docs//"],
    ["nothing but slashes", "//"],
    [".", "/docs/./1"],
    ["..", "/open/../docs/1"],
    ["an escaped .", "/docs/%2e/1"],
    ["escaped ..", "/open/%2E%2e/docs/1"],
    [".. half escaped", "/open/.%2e/docs/1"],
    ["an escaped slash", "/docs/a%2fb"],
    ["an escaped backslash", "/docs/a%5Cb"],
    ["a backslash", "/docs\\1"],
    ["a fragment", "/docs/1#x"],
    ["what is escaped twice", "/docs/%252e%252e/1"],
    ["an escaped NUL", "/docs/%00"],
    ["an escaped line end", "/docs/%0d%0a"],
    ["an escaped tab", "/docs/%09"],
    ["an escaped DEL", "/docs/%7f"],
    ["no UTF-8", "/docs/%ff"],
    ["an overlong slash", "/docs/%c0%af"],
    ["a surrogate", "/docs/%ed%a0%80"],
    ["a broken escape", "/docs/%4"],
    ["no escape", "/docs/%zz"],
    ["S14 a letter that is put together of two", "/docs/e%CC%81"],
    ["S14 a slash of another width", "/docs/a%EF%BC%8Fb"],
    ["S14 .. of another width", "/docs/%EF%BC%8E%EF%BC%8E/1"],
    ["S14 a semicolon of another width", "/docs/a%EF%BC%9Bb"],
    ["S14 .. in one character", "/docs/%E2%80%A5/1"],
    ["S14 .. in front of a semicolon", "/open/..;/admin"],
    ["S14 .. in front of a semicolon at the end", "/open/..;x=1"],
    ["S14 .. in front of an escaped semicolon", "/open/..%3Bx/admin"],
    ["S14 . in front of a semicolon", "/open/.;/admin"],
    ["S14 nothing in front of a semicolon", "/;/admin"],
    ["S14 .. in one character in front of a semicolon", "/open/%E2%80%A5;x/admin"],
    ["a raw byte that is not ASCII", "/docs/é"],
    ["a control character", "/docs/\u0001"],
    ["a blank", "/docs/a b"],
  ])("is not one with %s", (_, target) => {
    expect(readPath(target)).toBeUndefined();
  });

  it("B4 reports a slash at the end", () => {
    expect(readPath("/docs/")).toEqual({ segments: ["docs"], endsInSlash: true, hasSemicolon: false });
    expect(readPath("/docs/?x=/")?.endsInSlash).toBe(true);
    expect(readPath("/docs?x=/")?.endsInSlash).toBe(false);
    expect(readPath("/")?.endsInSlash).toBe(false);
  });

  it("reports a semicolon, escaped or not", () => {
    expect(readPath("/docs/1;v=2")?.hasSemicolon).toBe(true);
    expect(readPath("/docs/1%3Bv=2")?.hasSemicolon).toBe(true);
    expect(readPath("/docs/1")?.hasSemicolon).toBe(false);
  });

  it("means the same normalized, parsed as a URL, and decoded by others", () => {
    const piece = fc.oneof(
      fc.constantFrom("/", ".", "..", "%2f", "%2e", "%25", "%5c", "%", ";", "\\", "//", "%c3%a9", "%20", "#", "?", "a"),
      fc.string({ unit: "binary-ascii", maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = `/${pieces.join("")}`;
        const read = readPath(target);
        if (!read) return;
        const path = target.split("?")[0] ?? "";
        expect(posix.normalize(path)).toBe(path);
        // Characters that a URL escapes by itself stay what they are.
        expect(decodeURIComponent(new URL(`http://app.test${path}`).pathname)).toBe(decodeURIComponent(path));
        expect(`/${read.segments.join("/")}${read.endsInSlash ? "/" : ""}`).toBe(decodeURIComponent(path));
        expect(posix.normalize(decodeURIComponent(path))).toBe(decodeURIComponent(path));
        for (const segment of read.segments) expect(segment).not.toMatch(/[/\\%\p{Cc}]/u);
      }),
      { numRuns: 20_000 },
    );
  });
});

it.each([
  ["app.test", "app.test"],
  ["APP.test:8080", "app.test"],
  ["app.test.", "app.test"],
  ["App.Test.:443", "app.test"],
  ["app.test:", "app.test"],
  ["app_1.test", "app_1.test"],
  ["xn--BCHER-KVA.example.", "xn--bcher-kva.example"],
  ["192.0.2.1:80", "192.0.2.1"],
  ["[::1]:80", "[::1]"],
  ["[0:0::0:1]", "[::1]"],
  ["[2001:DB8::1]", "[2001:db8::1]"],
  ["app.test..", undefined],
  [".app.test", undefined],
  ["app..test", undefined],
  [".", undefined],
  [":80", undefined],
  ["127.1", undefined],
  ["0x7f.0.0.1", undefined],
  ["2130706433", undefined],
  ["app.09", undefined],
  ["xn--a", undefined],
  ["b\u00fccher.example", undefined],
  ["%61pp.test", undefined],
  ["app.test:x", undefined],
  ["app.test:123456", undefined],
  ["app.test/other", undefined],
  ["user@app.test", undefined],
  ["app.test, other.test", undefined],
  [" app.test", undefined],
  ["[1::2::3]", undefined],
  ["[app.test]", undefined],
  ["a".repeat(254), undefined],
  ["", undefined],
])("S14 the host of %.60s is %s", (authority, host) => {
  expect(readHost(authority)).toBe(host);
});
