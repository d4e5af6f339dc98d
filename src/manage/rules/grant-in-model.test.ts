import { describe, expect, it } from "vitest";
import { Failure } from "../../domain/errors.js";
import { parseGrant } from "../../domain/grant.js";
import type { AuthorizationModel } from "../../domain/permission-checker.js";
import { checkGrantAgainstModel } from "./grant-in-model.js";

/** Documents are viewed by users and organizations, edited by users; reports allow nobody. */
const relations: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  user: {},
  organization: { member: ["user"] },
  document: { viewer: ["user", "organization"], editor: ["user"] },
  report: { reader: [] },
};
const actionsOf = (type: string) => new Set(Object.keys(relations[type] ?? {}));
const canHold = (subject: string, type: string, action: string) =>
  relations[type]?.[action]?.includes(subject) ?? false;
const model: AuthorizationModel = {
  id: "m",
  types: new Set(Object.keys(relations)),
  hasType: (type) => type in relations,
  hasAction: (type, action) => actionsOf(type).has(action),
  actionsOf,
  hasActionAnywhere: (action) => Object.keys(relations).some((type) => actionsOf(type).has(action)),
  canHold,
  admits: (subject) =>
    Object.keys(relations).some((type) => [...actionsOf(type)].some((a) => canHold(subject, type, a))),
};

type Rules = readonly { readonly actions: readonly string[]; readonly resources: readonly string[] }[];

function verdict(subject: string, rules: Rules | "full"): { reason: string; fields: readonly string[] } | "accepted" {
  const parsed = parseGrant(rules === "full" ? { full: true, rules: [] } : { full: false, rules });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.violations));
  try {
    checkGrantAgainstModel(model, subject.slice(0, subject.indexOf(":")), parsed.grant);
    return "accepted";
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { reason: error.reason, fields: error.violations.map(({ field }) => field) };
  }
}

describe("checkGrantAgainstModel", () => {
  it.each([
    [
      "view",
      "document:*",
      "view is not a relation of type document in the authorization model; there are: viewer, editor",
    ],
    ["view", "*", "view is not a relation in the authorization model; there are: member, viewer, editor, reader"],
    [
      "*",
      "docment:1",
      "type docment is not in the authorization model; there are: user, organization, document, report",
    ],
  ])("names what there is when %s on %s is refused", (action, resource, description) => {
    const parsed = parseGrant({ full: false, rules: [{ actions: [action], resources: [resource] }] });
    if (!parsed.ok) throw new Error("a well-formed grant");
    expect(() => checkGrantAgainstModel(model, "user", parsed.grant)).toThrow(
      expect.objectContaining({ violations: [{ field: expect.stringContaining("grant.rules[0]"), description }] }),
    );
  });

  it.each<[string, string, Rules | "full"]>([
    ["everything, for a user", "user:a", "full"],
    ["no rules", "organization:a", []],
    ["what the subject can hold", "organization:a", [{ actions: ["viewer"], resources: ["document:*"] }]],
    ["an action anywhere", "user:a", [{ actions: ["member"], resources: ["*"] }]],
    ["any action on a type", "organization:a", [{ actions: ["*"], resources: ["document:1"] }]],
    [
      "a rule that cannot be used beside one that can",
      "organization:a",
      [
        { actions: ["editor"], resources: ["document:1"] },
        { actions: ["viewer"], resources: ["document:1"] },
      ],
    ],
  ])("accepts %s", (_what, subject, rules) => {
    expect(verdict(subject, rules)).toBe("accepted");
  });

  it.each<[string, Rules, string, readonly string[]]>([
    [
      "SC-4 an unknown type (told once)",
      [{ actions: ["viewer", "editor"], resources: ["document:*", "invoice:1"] }],
      "UNKNOWN_TYPE",
      ["grant.rules[0].resources[1]"],
    ],
    [
      "SC-9 one typo among good actions",
      [{ actions: ["viewer", "veiwer"], resources: ["document:*"] }],
      "UNKNOWN_ACTION",
      ["grant.rules[0].actions[1]"],
    ],
    [
      "an action that no type has",
      [{ actions: ["publish"], resources: ["*"] }],
      "UNKNOWN_ACTION",
      ["grant.rules[0].actions[0]"],
    ],
    [
      "an action of another type",
      [{ actions: ["member"], resources: ["document:1"] }],
      "UNKNOWN_ACTION",
      ["grant.rules[0].actions[0]"],
    ],
  ])("%s is refused", (_what, rules, reason, fields) => {
    expect(verdict("user:a", rules)).toEqual({ reason, fields });
  });

  it.each<[string, string, Rules]>([
    ["what only users are admitted to", "organization:a", [{ actions: ["editor"], resources: ["document:*"] }]],
    ["what nobody is admitted to", "user:a", [{ actions: ["*"], resources: ["report:*"] }]],
    ["an action anywhere that it can hold nowhere", "organization:a", [{ actions: ["member"], resources: ["*"] }]],
  ])("refuses a subject %s", (_what, subject, rules) => {
    expect(verdict(subject, rules)).toMatchObject({ reason: "SUBJECT_TYPE_NOT_IN_MODEL" });
  });
});
