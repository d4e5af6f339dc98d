import { describe, expect, it } from "vitest";
import type { ActionName } from "../identifier/identifier.js";
import { problemOf, type RouteRule, RouteTable } from "./route-table.js";

const viewer = "viewer" as ActionName;
const editor = "editor" as ActionName;
const rule = (over: Partial<RouteRule>): RouteRule => ({
  path: "/docs/{id}",
  resource: "document:{id}",
  action: viewer,
  semicolons: false,
  preflights: false,
  ...over,
});
const map = (rules: readonly RouteRule[], target: string, method = "GET", host = "app.test") =>
  new RouteTable(rules).map({ method, host, target });

describe("the route table", () => {
  it("maps by host, method and path, the first rule that fits", () => {
    const rules = [
      rule({ method: "PUT", action: editor }),
      rule({ path: "/docs/new", resource: "document:template" }),
      rule({}),
      rule({ host: "admin.test", path: "/**", resource: "system:admin" }),
    ];
    expect(map(rules, "/docs/1?x=y")).toEqual({ resource: "document:1", action: "viewer" });
    expect(map(rules, "/docs/1", "PUT")).toEqual({ resource: "document:1", action: "editor" });
    expect(map(rules, "/docs/new")).toEqual({ resource: "document:template", action: "viewer" });
    expect(map(rules, "/any/thing", "GET", "ADMIN.test:8443")).toEqual({ resource: "system:admin", action: "viewer" });
    expect(map(rules, "/any/thing")).toBeUndefined();
  });

  it("maps a path and everything below it by /** alone", () => {
    const rules = [rule({ path: "/docs/{id}/**" })];
    expect(map(rules, "/docs/1")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1/pages/2")?.resource).toBe("document:1");
    expect(map(rules, "/docs")).toBeUndefined();
    expect(map([rule({})], "/docs/1/pages")).toBeUndefined();
  });

  it.each([
    ["a path of two meanings", "/docs/1/../2"],
    ["case", "/Docs/1"],
    ["a value that no resource may have", "/docs/a%20b"],
    ["a value that would be another type", "/docs/x:y"],
    ["a wildcard as a value", "/docs/*"],
    ["a userset as a value", "/docs/1%23member"],
    ["a semicolon", "/docs/1;v=2"],
  ])("maps nothing for %s", (_, target) => {
    expect(map([rule({})], target)).toBeUndefined();
  });

  it("maps nothing for a host that is none", () => {
    expect(map([rule({})], "/docs/1", "GET", "app.test, other.test")).toBeUndefined();
  });

  it("admits a semicolon where the rule does", () => {
    expect(map([rule({ path: "/docs/{id}/**", semicolons: true })], "/docs/1/a;v=2")?.resource).toBe("document:1");
  });

  it("B4 fits a path that ends in a slash by a rule that does, and by no other", () => {
    const rules = [
      rule({ path: "/docs/{id}/" }),
      rule({ path: "/docs/{id}/pages/**/" }),
      rule({ path: "/**", resource: "document:any" }),
    ];
    expect(map(rules, "/docs/1/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1")?.resource).toBe("document:any");
    expect(map(rules, "/docs/1/pages/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1/pages/2/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1/pages/2")?.resource).toBe("document:any");
    expect(map(rules, "/docs/")).toBeUndefined();
    expect(map(rules, "/docs/1//")).toBeUndefined();
    expect(map(rules, "/")?.resource).toBe("document:any");
    expect(map([rule({ path: "/**/", resource: "document:any" })], "/docs/")?.resource).toBe("document:any");
  });

  it("B4 fits HEAD where GET is, unless a rule names HEAD", () => {
    const get = rule({ method: "GET" });
    const rest = rule({ path: "/**", resource: "document:any", action: editor });
    expect(map([get], "/docs/1", "HEAD")?.action).toBe("viewer");
    expect(map([rest, get], "/docs/1", "HEAD")?.resource).toBe("document:any");
    expect(map([get, rest], "/docs/1", "HEAD")?.resource).toBe("document:1");
    expect(map([get, rule({ method: "HEAD", action: editor })], "/docs/1", "HEAD")?.action).toBe("editor");
    expect(map([get, rule({ method: "HEAD", path: "/other/{id}" })], "/docs/1", "HEAD")?.action).toBe("viewer");
    expect(map([rule({ method: "HEAD" })], "/docs/1", "GET")).toBeUndefined();
    expect(map([rule({ method: "PUT" })], "/docs/1", "HEAD")).toBeUndefined();
  });

  it("B4 admits preflights for requests whose rule does", () => {
    const table = new RouteTable([rule({ method: "GET", preflights: true }), rule({ method: "PUT" })]);
    const admits = (method: string, target: string) => table.admitsPreflight({ method, host: "app.test", target });
    expect([admits("GET", "/docs/1"), admits("HEAD", "/docs/1")]).toEqual([true, true]);
    expect([admits("PUT", "/docs/1"), admits("DELETE", "/docs/1"), admits("GET", "/x")]).toEqual([false, false, false]);
  });

  it.each([
    [{ path: "docs" }, "must be a path"],
    [{ path: "/docs//{id}" }, "must be a path"],
    [{ path: "/docs/x{id}" }, "whole segment"],
    [{ path: "/docs/*" }, "whole segment"],
    [{ path: "/docs/**/x" }, "whole segment"],
    [{ path: "/{id}/{id}" }, "two segments alike"],
    [{ resource: "document:{name}" }, "{name}, which its path lacks"],
    [{ resource: "{id}" }, "type:id"],
    [{ resource: "document:*" }, "type:id"],
  ])("finds fault with %o", (over, problem) => {
    expect(problemOf(rule(over))).toContain(problem);
    expect(() => new RouteTable([rule(over)])).toThrow(problem);
  });
});
