import { describe, expect, it } from "vitest";
import { mayCollide, parseSubjectTemplate, type SubjectTemplate } from "./subject-template.js";

function templateOf(text: string): SubjectTemplate {
  const parsed = parseSubjectTemplate(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

const faulty = "must consist of letters, digits, _-./@+=~| and claims in braces, such as {sub}";
const unstable = "must contain only claims that never pass to another person, such as {sub}; no names or addresses";

describe("a subject template", () => {
  it.each([
    ["", faulty],
    ["{sub", faulty],
    ["sub}", faulty],
    ["{}", faulty],
    ["{{sub}}", faulty],
    ["a b{sub}", faulty],
    ["user:{sub}", faulty],
    ["*{sub}", faulty],
    ["{sub}\n", faulty],
    [`{sub}${"a".repeat(196)}`, faulty],
    ["alice", "must contain a claim in braces, such as {sub}"],
    ["{email}", unstable],
    ["{Email}", unstable],
    ["{sub}|{preferred_username}", unstable],
    ["{https://example.com/email}", unstable],
    ["{upn}", unstable],
    ["{org_name}/{sub}", unstable],
    ["{tid}{oid}", "must have text between two claims"],
  ])("%j is refused", (text, problem) => {
    expect(parseSubjectTemplate(text)).toEqual({ ok: false, problem });
  });

  it.each([
    ["{sub}", { sub: "alice" }, "alice"],
    ["acme|{sub}@x", { sub: "a|b@x" }, "acme|a|b@x@x"],
    ["{https://example.com/uid}", { "https://example.com/uid": "7" }, "7"],
    ["{sub}", { sub: "$&{sub}" }, "$&{sub}"],
    ["{a}--{b}", { a: "1", b: "2--3" }, "1--2--3"],
    ["{a}--{b}", { a: "1-", b: "2" }, undefined],
    ["{sub}", { sub: null }, undefined],
    ["{__proto__}", {}, undefined],
  ])("%s makes of %j the id %j", (text, claims, id) => {
    expect(templateOf(text).idOf(claims)).toBe(id);
  });

  it.each([
    ["{sub}", "{sub}", true],
    ["{sub}", "{oid}", true],
    ["{sub}", "a|{sub}", true],
    ["a{sub}", "ab{sub}", true],
    ["a|{sub}", "b|{sub}", false],
    ["{sub}@a", "{sub}@b", false],
    ["{sub}@a", "{sub}@b@a", true],
    ["a|{sub}", "{sub}@b", true],
  ])("%s may make the id of another user by %s: %s", (one, other, expected) => {
    expect(mayCollide(templateOf(one), templateOf(other))).toBe(expected);
    expect(mayCollide(templateOf(other), templateOf(one))).toBe(expected);
  });
});
