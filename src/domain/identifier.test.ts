import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isResourceWildcard, parseAction, parseResource, parseSubject, typeOf } from "./identifier.js";
import { encodeSecret } from "./secret.js";

const types = { user: "user", organization: "organization" };
const accepts = (parsed: { readonly ok: boolean }): boolean => parsed.ok;

/** An independent second reading: character by character instead of a regular expression. */
function isObject(text: string): boolean {
  const [type = "", id = "", ...rest] = text.split(":");
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  const all = (part: string, admitted: string): boolean => Array.from(part).every((char) => admitted.includes(char));
  return (
    text.includes(":") &&
    rest.length === 0 &&
    type !== "" &&
    letters.includes(type.charAt(0)) &&
    all(type, `${letters}-./`) &&
    id !== "" &&
    id.length <= 200 &&
    all(id, `${letters}-./@+=~|`) &&
    text.length <= 256
  );
}

describe("parseResource", () => {
  it.each([
    "document:roadmap",
    "document:1",
    "user:auth0|5f7c8ec7c33c6c004bbafe82",
    "user:ann.b+tag@example.com",
    "folder:a/b/c",
    "x:a=~b",
    `document:${"a".repeat(200)}`,
    `${"t".repeat(55)}:${"a".repeat(200)}`,
    "Doc_v2-x:Z",
    "billing.invoice:7",
  ])("accepts %s unchanged", (text) => {
    expect(parseResource(text)).toEqual({ ok: true, value: text });
  });

  it.each([
    ["nothing", ""],
    ["no colon", "doc"],
    ["no id", "doc:"],
    ["no type", ":1"],
    ["a second colon", "doc:a:b"],
    ["a wildcard", "doc:*"],
    ["a star within", "doc:a*b"],
    ["a userset", "doc:a#viewer"],
    ["a blank before", " doc:a"],
    ["a blank within", "doc:a b"],
    ["a newline after", "doc:a\n"],
    ["NUL", "doc:a\0"],
    ["a lone surrogate", "doc:\ud800"],
    ["U+FFFD", "doc:\ufffd"],
    ["a non-breaking blank", "doc:a\u00a0b"],
    ["a zero-width blank", "doc:a\u200b"],
    ["a bidirectional override", "doc:\u202ea"],
    ["a byte order mark", "\ufeffdoc:a"],
    ["an emoji", "doc:\u{1f600}"],
    ["a Cyrillic letter", "doc:\u0430"],
    ["a percent escape", "doc:%00"],
    ["a quote", 'doc:"a"'],
    ["an id of 201", `doc:${"a".repeat(201)}`],
    ["257 in all", `${"t".repeat(56)}:${"a".repeat(200)}`],
    ["a megabyte", `doc:${"a".repeat(1_000_000)}`],
  ])("refuses %s", (_what, text) => {
    expect(accepts(parseResource(text))).toBe(false);
  });

  it("agrees with an independent reading of whatever text", () => {
    const piece = fc.constantFrom(
      "doc",
      "a",
      ":",
      "*",
      "#",
      "@",
      "|",
      "/",
      "-",
      "_",
      ".",
      " ",
      "\n",
      "é",
      "\ud800",
      "a".repeat(199),
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")),
      fc.string({ unit: "binary" }),
    );
    fc.assert(fc.property(text, (sample) => accepts(parseResource(sample)) === isObject(sample)));
  });
});

describe("isResourceWildcard", () => {
  it.each([
    ["*", true],
    ["document:*", true],
    [":*", false],
    ["document:", false],
    ["document:a*", false],
    ["document:**", false],
    ["a:b:*", false],
    ["doc#x:*", false],
    [`${"t".repeat(254)}:*`, true],
    [`${"t".repeat(255)}:*`, false],
  ])("says of %s: %s", (text, expected) => {
    expect(isResourceWildcard(text)).toBe(expected);
  });
});

describe("parseAction", () => {
  it.each(["viewer", "can_view", "can-view", "V", "a".repeat(50)])("accepts %s", (text) => {
    expect(parseAction(text)).toEqual({ ok: true, value: text });
  });

  it.each(["", "*", "1st", "_x", "-x", "a b", "a#b", "a:b", "a@b", "viewer\n", "é", "\ud800", "a".repeat(51)])(
    "refuses %j",
    (text) => {
      expect(accepts(parseAction(text))).toBe(false);
    },
  );
});

describe("parseSubject", () => {
  it.each([
    ["user:alice", "user"],
    ["organization:acme", "organization"],
  ])("reads %s as %s", (text, kind) => {
    expect(parseSubject(text, types)).toEqual({ ok: true, value: { name: text, kind } });
  });

  it.each([
    "user:*",
    "user:a#member",
    "organization:acme#member",
    "group:x",
    "users:x",
    "User:x",
    "user:",
    "alice",
    "",
    "user: a",
    `user:${encodeSecret("pw", "svc", new Uint8Array(32))}`,
  ])("refuses %j", (text) => {
    expect(accepts(parseSubject(text, types))).toBe(false);
  });

  it("follows the configured types", () => {
    const configured = { user: "person", organization: "team" };
    expect(parseSubject("team:a", configured)).toMatchObject({ value: { kind: "organization" } });
    expect(accepts(parseSubject("user:a", configured))).toBe(false);
  });
});

describe("typeOf", () => {
  it("gives the part before the colon", () => {
    const parsed = parseResource("folder:a/b");
    expect(parsed.ok && typeOf(parsed.value)).toBe("folder");
  });
});
