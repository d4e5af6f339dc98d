import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { grantCovers, grantedResources, grantWithin, mentions, parseGrant } from "./grant.js";
import type { ActionName, ResourceName } from "./identifier.js";
import type { Grant } from "./token.js";

type RuleText = readonly [actions: readonly string[], resources: readonly string[]];

const rule = ([actions, resources]: RuleText) => ({ actions, resources });
const grant = (...rules: readonly RuleText[]): Grant => {
  const parsed = parseGrant({ full: false, rules: rules.map(rule) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.violations));
  return parsed.grant;
};
const full: Grant = { kind: "full" };
// Cast: these tests ask with literals and generated names that fit the grammar.
const covers = (each: Grant, action: string, resource: string): boolean =>
  grantCovers(each, action as ActionName, resource as ResourceName);
const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe("parseGrant", () => {
  it("reads full, no rules, and rules as they are", () => {
    expect(parseGrant({ full: true, rules: [] })).toEqual({ ok: true, grant: full });
    expect(parseGrant({ full: false, rules: [] })).toEqual({ ok: true, grant: { kind: "rules", rules: [] } });
    const rules = [
      rule([
        ["viewer", "editor"],
        ["doc:1", "doc:*"],
      ]),
      rule([["*"], ["doc:1"]]),
      rule([["viewer"], ["*"]]),
    ];
    expect(parseGrant({ full: false, rules })).toEqual({ ok: true, grant: { kind: "rules", rules } });
  });

  it("takes the most that is admitted", () => {
    expect(grant(...Array.from({ length: 50 }, (): RuleText => [["viewer"], ["doc:1"]]))).toMatchObject({
      kind: "rules",
    });
    expect(grant([numbered("a", 50), numbered("doc:", 100)])).toMatchObject({ kind: "rules" });
    const resources = Array.from({ length: 81 }, (_, index) => `doc:${String(index).padStart(196, "0")}`);
    const left = 16 * 1024 - 81 * 200;
    expect(grant([["a".repeat(50)], resources], [["b"], [`doc:${"1".repeat(left - 50 - 1 - 4)}`]])).toMatchObject({
      kind: "rules",
    });
  });

  it.each<[string, boolean, readonly RuleText[], readonly string[]]>([
    ["full with rules", true, [[["viewer"], ["doc:1"]]], ["rules"]],
    ["51 rules", false, Array.from({ length: 51 }, (): RuleText => [["viewer"], ["doc:1"]]), ["rules"]],
    ["over 16 KiB", false, Array.from({ length: 50 }, (): RuleText => [numbered("action", 50), ["doc:1"]]), ["rules"]],
    ["no actions", false, [[[], ["doc:1"]]], ["rules[0].actions"]],
    ["no resources", false, [[["viewer"], []]], ["rules[0].resources"]],
    ["51 actions", false, [[numbered("a", 51), ["doc:1"]]], ["rules[0].actions"]],
    ["101 resources", false, [[["viewer"], numbered("doc:", 101)]], ["rules[0].resources"]],
    ["all of all", false, [[["*"], ["*"]]], ["rules[0]"]],
    ["* beside another action", false, [[["viewer", "*"], ["doc:1"]]], ["rules[0].actions"]],
    ["* beside another resource", false, [[["viewer"], ["*", "doc:1"]]], ["rules[0].resources"]],
    [
      "* twice",
      false,
      [
        [
          ["*", "*"],
          ["*", "*"],
        ],
      ],
      ["rules[0].actions", "rules[0].resources"],
    ],
    ["a userset", false, [[["viewer"], ["doc:1#viewer"]]], ["rules[0].resources[0]"]],
    ["a wildcard without type", false, [[["viewer"], [":*"]]], ["rules[0].resources[0]"]],
    ["a prefix wildcard", false, [[["viewer"], ["doc:a*"]]], ["rules[0].resources[0]"]],
    ["an empty action", false, [[[""], ["doc:1"]]], ["rules[0].actions[0]"]],
    [
      "several at once",
      false,
      [
        [["viewer"], ["doc:1"]],
        [
          ["viewer", "a b"],
          ["doc:1", "doc", "doc:2", "*:*"],
        ],
      ],
      ["rules[1].actions[1]", "rules[1].resources[1]", "rules[1].resources[3]"],
    ],
  ])("refuses %s", (_what, isFull, rules, fields) => {
    const parsed = parseGrant({ full: isFull, rules: rules.map(rule) });
    expect(parsed.ok ? [] : parsed.violations.map(({ field }) => field)).toEqual(fields);
  });
});

describe("grantCovers", () => {
  it.each<[string, Grant, string, string, boolean]>([
    ["full", full, "viewer", "doc:1", true],
    ["no rules", grant(), "viewer", "doc:1", false],
    ["the very pair", grant([["viewer"], ["doc:1"]]), "viewer", "doc:1", true],
    ["another action", grant([["viewer"], ["doc:1"]]), "editor", "doc:1", false],
    ["another id", grant([["viewer"], ["doc:1"]]), "viewer", "doc:2", false],
    ["a longer id", grant([["viewer"], ["doc:1"]]), "viewer", "doc:11", false],
    ["another case", grant([["viewer"], ["doc:a"]]), "viewer", "doc:A", false],
    ["its type", grant([["viewer"], ["doc:*"]]), "viewer", "doc:1", true],
    ["a type that begins alike", grant([["viewer"], ["doc:*"]]), "viewer", "docs:1", false],
    ["any action", grant([["*"], ["doc:1"]]), "editor", "doc:1", true],
    ["any resource", grant([["viewer"], ["*"]]), "viewer", "folder:1", true],
    [
      "action of one rule, resource of another",
      grant([["viewer"], ["doc:1"]], [["editor"], ["doc:2"]]),
      "editor",
      "doc:1",
      false,
    ],
    ["a later rule", grant([["viewer"], ["doc:1"]], [["editor"], ["doc:2"]]), "editor", "doc:2", true],
  ])("%s", (_what, each, action, resource, expected) => {
    expect(covers(each, action, resource)).toBe(expected);
  });
});

describe("grantWithin", () => {
  it.each<[string, Grant, Grant, boolean]>([
    ["full in full", full, full, true],
    ["full in rules", full, grant([["*"], ["doc:*"]]), false],
    ["rules in full", grant([["*"], ["doc:*"]]), full, true],
    ["nothing in nothing", grant(), grant(), true],
    ["something in nothing", grant([["viewer"], ["doc:1"]]), grant(), false],
    ["an id in its type", grant([["viewer"], ["doc:1"]]), grant([["viewer"], ["doc:*"]]), true],
    ["a type in an id", grant([["viewer"], ["doc:*"]]), grant([["viewer"], ["doc:1"]]), false],
    ["overlap alone", grant([["viewer"], ["doc:1", "doc:2"]]), grant([["viewer"], ["doc:2", "doc:3"]]), false],
    ["actions from several rules", grant([["a", "b"], ["doc:1"]]), grant([["a"], ["doc:*"]], [["b"], ["doc:1"]]), true],
    ["any action in listed ones", grant([["*"], ["doc:1"]]), grant([["a", "b"], ["doc:1"]]), false],
    ["any resource in a type", grant([["a"], ["*"]]), grant([["a"], ["doc:*"]]), false],
  ])("%s", (_what, inner, outer, expected) => {
    expect(grantWithin(inner, outer)).toBe(expected);
  });

  // `a9`, `t9` and `:9` stand for all names that no grant contains: such names are all treated alike.
  const actions = ["a0", "a1", "a9"];
  const resources = ["t0", "t1", "t9"].flatMap((type) => [`${type}:0`, `${type}:1`, `${type}:9`]);
  const pairs = actions.flatMap((action) => resources.map((resource) => [action, resource] as const));
  const someRule = fc.oneof(
    fc.tuple(
      fc.oneof(fc.constant(["*"]), fc.subarray(["a0", "a1"], { minLength: 1 })),
      fc.subarray(["t0:0", "t0:1", "t0:*", "t1:0", "t1:*"], { minLength: 1 }),
    ),
    fc.tuple(fc.subarray(["a0", "a1"], { minLength: 1 }), fc.constant(["*"])),
  );
  const someGrant = fc.oneof(
    { weight: 1, arbitrary: fc.constant(full) },
    { weight: 9, arbitrary: fc.array(someRule, { maxLength: 3 }).map((rules) => grant(...rules)) },
  );

  it("holds exactly when everything that the inner grant covers is covered by the outer", () => {
    const seen = { true: 0, false: 0 };
    fc.assert(
      fc.property(someGrant, someGrant, (inner, outer) => {
        const contained = pairs.every(
          ([action, resource]) => !covers(inner, action, resource) || covers(outer, action, resource),
        );
        seen[`${contained}`]++;
        expect(grantWithin(inner, outer)).toBe(contained);
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(100);
  });

  it("is reflexive", () => {
    fc.assert(fc.property(someGrant, (each) => grantWithin(each, each)));
  });
});

describe("grantedResources", () => {
  const granted = (each: Grant, action: string, type: string) => {
    const resources = grantedResources(each, action as ActionName, type);
    return resources === "any" ? resources : [...resources];
  };

  it.each<[string, Grant, string, readonly string[]]>([
    ["any for full", full, "any", []],
    ["any for a wildcard of the type", grant([["viewer"], ["doc:1", "doc:*"]]), "any", []],
    ["any for a wildcard of all types", grant([["*"], ["doc:1"]], [["viewer"], ["*"]]), "any", []],
    [
      "what rules name, each once",
      grant([["viewer"], ["doc:1", "doc:2"]], [["*"], ["doc:2", "doc:3"]]),
      "",
      ["doc:1", "doc:2", "doc:3"],
    ],
    ["nothing of another type or action", grant([["viewer"], ["folder:*", "docs:1"]], [["editor"], ["doc:*"]]), "", []],
    ["nothing without rules", grant(), "", []],
  ])("is %s", (_what, each, any, named) => {
    expect(granted(each, "viewer", "doc")).toEqual(any === "any" ? any : named);
  });
});

describe("mentions", () => {
  it.each<[string, Grant, readonly unknown[]]>([
    ["nothing for full", full, []],
    ["nothing without rules", grant(), []],
    [
      "each type once, then each action on each type",
      grant([
        ["viewer", "editor"],
        ["doc:1", "doc:*", "folder:1"],
      ]),
      [
        { field: "rules[0].resources[0]", type: "doc" },
        { field: "rules[0].resources[2]", type: "folder" },
        { field: "rules[0].actions[0]", type: "doc", action: "viewer" },
        { field: "rules[0].actions[0]", type: "folder", action: "viewer" },
        { field: "rules[0].actions[1]", type: "doc", action: "editor" },
        { field: "rules[0].actions[1]", type: "folder", action: "editor" },
      ],
    ],
    ["an action on any type", grant([["viewer"], ["*"]]), [{ field: "rules[0].actions[0]", action: "viewer" }]],
    ["a type alone for any action", grant([["*"], ["doc:1"]]), [{ field: "rules[0].resources[0]", type: "doc" }]],
  ])("gives %s", (_what, each, expected) => {
    expect([...mentions(each)]).toEqual(expected);
  });
});
