import { describe, expect, it } from "vitest";
import { organizationOf, organizationPath, subjectTyped } from "./subject-name.js";

describe("the path of an organization", () => {
  it.each([
    ["organization:acme", "/orgs/acme"],
    ["team:acme", "/orgs/team:acme"],
    ["organization:a:b", "/orgs/organization:a:b"],
    ["organization:a/b c", "/orgs/a%2Fb%20c"],
  ])("of %s is %s, and leads back", (name, path) => {
    expect(organizationPath(name)).toBe(path);
    expect(organizationOf(decodeURIComponent(path.slice("/orgs/".length)))).toBe(name);
  });

  it("has parts", () => {
    expect(organizationPath("organization:acme", "policy")).toBe("/orgs/acme/policy");
  });
});

describe("a typed subject", () => {
  it.each([
    ["alice", "user:alice"],
    [" user:alice ", "user:alice"],
    ["organization:acme", "organization:acme"],
    ["  ", ""],
  ])("%j is %j", (text, subject) => {
    expect(subjectTyped(text, "user")).toBe(subject);
  });
});
