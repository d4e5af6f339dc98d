import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type GrantInput, grantCovers, parseGrant } from "./grant.js";
import type { ActionName, ResourceName } from "./identifier.js";
import { scopeOf, scopeWithin } from "./scope.js";
import type { Grant } from "./token.js";

function grantOf(input: Partial<GrantInput>): Grant {
  const parsed = parseGrant({ full: false, rules: [], ...input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.violations));
  return parsed.grant;
}

const full = grantOf({ full: true });
const nothing = grantOf({});
const some = grantOf({
  rules: [
    { actions: ["viewer", "editor"], resources: ["document:roadmap", "folder:*"] },
    { actions: ["*"], resources: ["document:plan"] },
    { actions: ["owner"], resources: ["*"] },
  ],
});

describe("a grant as a scope", () => {
  it.each<[string, Grant, string]>([
    ["everything", full, "full"],
    ["nothing", nothing, ""],
    [
      "rules",
      some,
      "viewer:document:roadmap viewer:folder editor:document:roadmap editor:folder *:document:plan owner:*",
    ],
    [
      "two rules with the same in them",
      grantOf({
        rules: [
          { actions: ["viewer"], resources: ["document:*"] },
          { actions: ["viewer", "editor"], resources: ["document:*"] },
        ],
      }),
      "viewer:document editor:document",
    ],
  ])("is written for %s", (_, grant, scope) => {
    expect(scopeOf(grant)).toBe(scope);
    expect(scopeWithin(grant, undefined)).toEqual({ ok: true, value: scope });
  });
});

describe("a scope that is asked for", () => {
  it.each<[string, Grant, string, string]>([
    ["all of it", some, scopeOf(some), scopeOf(some)],
    ["a part, in its own order", some, "editor:folder viewer:folder", "editor:folder viewer:folder"],
    ["a word twice", some, "viewer:folder owner:* viewer:folder", "viewer:folder owner:*"],
    [
      "less than a wildcard",
      some,
      "viewer:folder:a owner:document:b owner:folder",
      "viewer:folder:a owner:document:b owner:folder",
    ],
    ["one of every action", some, "deleter:document:plan", "deleter:document:plan"],
    ["anything of everything", full, "viewer:document full *:folder", "viewer:document full *:folder"],
  ])("is given: %s", (_, grant, requested, scope) => {
    expect(scopeWithin(grant, requested)).toEqual({ ok: true, value: scope });
  });

  it.each<[string, Grant, string]>([
    ["everything of some", some, "full"],
    ["everything of nothing", nothing, "full"],
    ["another action", some, "deleter:folder"],
    ["another resource", some, "viewer:document:secret"],
    ["a wildcard of which the grant has one resource", some, "viewer:document"],
    ["every type of which the grant has two", some, "viewer:*"],
    ["every action of which the grant has two", some, "*:folder"],
    ["one word within and one beyond", some, "viewer:folder viewer:document"],
    ["a resource of another action's rule", some, "owner:folder editor:document:plan viewer:document:b"],
  ])("is refused whole: %s", (_, grant, requested) => {
    expect(scopeWithin(grant, requested)).toEqual({ ok: false, problem: "must be within the grant of the token" });
  });

  it.each([
    "",
    " ",
    " full",
    "viewer:document ",
    "viewer:document  editor:document",
    "viewer:document\teditor:document",
    "viewer",
    "viewer:",
    ":document",
    "viewer:document:",
    "viewer:document:*",
    "viewer:*:*",
    "viewer:*:a",
    "*:*",
    "*",
    "FULL",
    "viewer:document:a:b",
    "viewer:document:a#member",
    "viewer:dokümente",
    'viewer:document:"',
    "viewer*:document",
  ])("is refused because it means nothing: %j", (requested) => {
    expect(scopeWithin(full, requested)).toMatchObject({ ok: false, problem: expect.stringMatching(/^must be full/) });
  });

  it("is refused above 4 KiB, also when it is the whole grant because none was requested", () => {
    const resources = Array.from({ length: 100 }, (_, index) => `document:${String(index).padStart(30, "0")}`);
    const wide = grantOf({ rules: [{ actions: ["viewer"], resources }] });
    const problem = "must have at most 4 KiB; ask for less";
    expect(scopeWithin(wide, undefined)).toEqual({ ok: false, problem });
    expect(scopeWithin(wide, scopeOf(wide))).toEqual({ ok: false, problem });
    expect(scopeWithin(wide, "viewer:document:".padEnd(46, "0"))).toMatchObject({ ok: true });
    const longest = `viewer:a:${"x".repeat(100)} `
      .repeat(100)
      .slice(0, 4096)
      .replace(/ [^ ]*$/, "");
    expect(scopeWithin(full, longest)).toMatchObject({ ok: true });
    expect(scopeWithin(full, "x".repeat(4097))).toEqual({ ok: false, problem });
  });

  const actions = ["viewer", "editor"];
  const types = ["document", "folder"];
  const ids = ["a", "b"];
  const resources = types.flatMap((type) => ids.map((id) => `${type}:${id}`));
  const entries = <T extends string>(wildcard: T, named: readonly T[]) =>
    fc.oneof(fc.constant([wildcard]), fc.uniqueArray(fc.constantFrom(...named), { minLength: 1 }));
  const rule = fc
    .record({
      actions: entries("*", actions),
      resources: entries("*", [...resources, ...types.map((type) => `${type}:*`)]),
    })
    .filter(({ actions: [action], resources: [resource] }) => action !== "*" || resource !== "*");
  const grants = fc.oneof(
    { weight: 1, arbitrary: fc.constant(full) },
    { weight: 9, arbitrary: fc.array(rule, { maxLength: 3 }).map((rules) => grantOf({ rules })) },
  );
  const word = fc.oneof(
    fc.constant("full"),
    fc
      .tuple(fc.constantFrom(...actions, "*"), fc.constantFrom(...resources, ...types, "*"))
      .map(([action, resource]) => `${action}:${resource}`),
  );
  const pairs = actions.flatMap((action) => resources.map((resource) => [action, resource] as const));

  /** Whether a verifier of the JWT would let this pass: by nothing but the text. */
  const admits = (scope: string, action: string, resource: string): boolean =>
    scope.split(" ").some((each) => {
      const [first, ...rest] = each.split(":");
      const [type] = resource.split(":");
      const named = rest.join(":");
      return each === "full" || ((first === "*" || first === action) && ["*", type, resource].includes(named));
    });
  const covers = (grant: Grant, action: string, resource: string): boolean =>
    grantCovers(grant, action as ActionName, resource as ResourceName);

  it("O5 admits nothing that the grant does not", () => {
    const seen = { given: 0, refused: 0 };
    fc.assert(
      fc.property(grants, fc.array(word, { minLength: 1, maxLength: 3 }), (grant, words) => {
        const scope = scopeWithin(grant, words.join(" "));
        seen[scope.ok ? "given" : "refused"]++;
        if (!scope.ok) return;
        expect(scope.value.split(" ")).toEqual([...new Set(words)]);
        for (const [action, resource] of pairs)
          if (admits(scope.value, action, resource)) expect(covers(grant, action, resource)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(seen.given, seen.refused)).toBeGreaterThan(50);
  });

  it("O5 admits all that the grant does where nothing is asked for, and that can be asked for", () => {
    fc.assert(
      fc.property(grants, (grant) => {
        const scope = scopeOf(grant);
        for (const [action, resource] of pairs)
          expect(admits(scope, action, resource)).toBe(covers(grant, action, resource));
        if (scope !== "") expect(scopeWithin(grant, scope)).toEqual({ ok: true, value: scope });
      }),
    );
  });
});
