import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ActionName } from "../../domain/identifier.js";
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

  it("maps nothing for an invalid host", () => {
    expect(map([rule({})], "/docs/1", "GET", "app.test, other.test")).toBeUndefined();
  });

  it("admits a semicolon where the rule does", () => {
    expect(map([rule({ path: "/docs/{id}/**", semicolons: true })], "/docs/1/a;v=2")?.resource).toBe("document:1");
  });

  it("B4 fits a path that ends in a slash by a rule that does, and by no other", () => {
    const rules = [
      rule({ path: "/docs/{id}/" }),
      rule({ path: "/docs/{id}/pages/**/" }),
      rule({ path: "/docs/{id}/pages/**", resource: "document:page" }),
      rule({ path: "/**", resource: "document:any" }),
    ];
    expect(map(rules, "/docs/1/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1")).toBeUndefined();
    expect(map(rules, "/docs/1/pages/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1/pages/2/")?.resource).toBe("document:1");
    expect(map(rules, "/docs/1/pages/2")?.resource).toBe("document:page");
    expect(map(rules, "/docs/")).toBeUndefined();
    expect(map(rules, "/docs/1//")).toBeUndefined();
    expect(map(rules, "/")?.resource).toBe("document:any");
    expect(map([rule({ path: "/**/", resource: "document:any" })], "/docs/")?.resource).toBe("document:any");
  });

  it("S14 maps a path that a rule matches except for a semicolon or a final slash by no other rule", () => {
    const rules = [
      rule({ path: "/admin/**", resource: "system:root", action: editor }),
      rule({ path: "/**", resource: "system:root", semicolons: true }),
      rule({ path: "/**/", resource: "system:root", semicolons: true }),
    ];
    expect(map(rules, "/admin/users")?.action).toBe("editor");
    expect(map(rules, "/open/users;x=1/")?.action).toBe("viewer");
    for (const target of [
      "/admin/users;x=1",
      "/admin;x/users",
      "/admin%3Bx/users",
      "/admin;",
      "/admin/users/",
      "/admin/",
    ])
      expect(map(rules, target), target).toBeUndefined();
    // Also where the strict rule itself admits semicolons, but not in its own words.
    const [strict, ...lax] = rules;
    expect(map([{ ...strict, semicolons: true } as RouteRule, ...lax], "/admin;x/users")).toBeUndefined();
  });

  it("S14 B4 no semicolon and no last slash changes which rules decide", () => {
    const segment = fc.constantFrom("a", "b");
    const pattern = fc
      .tuple(fc.array(fc.constantFrom("/a", "/b", "/{x}"), { maxLength: 3 }), fc.boolean())
      .filter(([parts]) => parts.filter((part) => part === "/{x}").length < 2)
      .map(([parts, open]) => `${parts.join("")}${open ? "/**" : ""}` || "/");
    const kind = fc.record({
      path: pattern,
      host: fc.constantFrom(undefined, "app.test"),
      method: fc.constantFrom(undefined, "GET", "HEAD"),
    });
    const table = fc.array(
      fc
        .record({ kind, slash: fc.boolean(), semicolons: fc.boolean() })
        .map(({ kind: { path, host, method }, ...rest }) => ({
          ...rule({
            path: rest.slash && path !== "/" ? `${path}/` : path,
            semicolons: rest.semicolons,
            resource: "document:x",
          }),
          ...(host !== undefined && { host }),
          ...(method !== undefined && { method }),
          // Rules of one host, method and path share one action, with the slash and without. No other rules have it.
          action: [host ?? "any", method ?? "any", path.replace(/\W/g, (sign) => `x${sign.charCodeAt(0)}`)]
            .join("_")
            .replace(".", "_") as ActionName,
        })),
      { maxLength: 6 },
    );
    const path = fc.array(fc.tuple(segment, fc.constantFrom(";", ";a", "%3Ba")), { minLength: 1, maxLength: 3 });
    let decided = 0;
    fc.assert(
      fc.property(table, path, fc.constantFrom("GET", "HEAD", "PUT"), (rules, segments, method) => {
        const routes = new RouteTable(rules);
        const forms = Array.from({ length: 2 ** (segments.length + 1) }, (_, bits) => {
          const written = segments.map(([name, rest], index) => `/${name}${bits & (2 << index) ? rest : ""}`);
          return `${written.join("")}${bits & 1 ? "/" : ""}`;
        });
        const actions = forms.flatMap((target) => routes.map({ method, host: "app.test", target })?.action ?? []);
        if (actions.length > 1) decided++;
        expect(new Set(actions).size, forms.join(" ")).toBeLessThan(2);
      }),
      { numRuns: 1_000 },
    );
    expect(decided).toBeGreaterThan(50);
  });

  it("B4 matches HEAD by a rule for GET, unless a rule names HEAD", () => {
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
    [{ path: "/{id}/{id}" }, "two segments the same {name}"],
    [{ resource: "document:{name}" }, "{name}, which its path lacks"],
    [{ resource: "{id}" }, "type:id"],
    [{ resource: "document:*" }, "type:id"],
  ])("finds fault with %o", (over, problem) => {
    expect(problemOf(rule(over))).toContain(problem);
    expect(() => new RouteTable([rule(over)])).toThrow(problem);
  });
});
