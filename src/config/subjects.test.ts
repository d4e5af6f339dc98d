import { describe, expect, it } from "vitest";
import { changed, describeSettings, problemsOf, type Tree } from "../../test/kit/config-file.js";

describeSettings(
  ["subjects"],
  [
    ["subjects.user_type", "person", { subjects: { user: "person" } }],
    ["subjects.organization_type", "tenant", { subjects: { organization: "tenant" } }],
    ["subjects.member_relation", "employee", { subjects: { relations: { member: "employee" } } }],
    ["subjects.relations.read", "auditor", { subjects: { relations: { read: "auditor", create: "admin" } } }],
    ["subjects.relations.create", "minter", { subjects: { relations: { create: "minter" } } }],
    ["subjects.relations.approve", "approver", { subjects: { relations: { approve: "approver" } } }],
    ["subjects.relations.revoke", "warden", { subjects: { relations: { revoke: "warden" } } }],
    ["subjects.relations.policy", "owner", { subjects: { relations: { policy: "owner" } } }],
  ],
  [
    [{ "subjects.user_type": "organization" }, { "subjects.organization_type": "must differ from user_type" }],
    [
      { "subjects.relations.read": "a b" },
      { "subjects.relations.read": "must be a relation of the authorization model" },
    ],
  ],
);

describe("types of subjects", () => {
  it.each<[Tree, Tree]>([
    ...["service", "token", "provider", "system", "unknown", "reporter", "Service", "identity"].flatMap((type) =>
      ["user_type", "organization_type"].map((key): [Tree, Tree] => [
        { [`subjects.${key}`]: type },
        {
          [`subjects.${key}`]:
            "must be none of service, token, provider, reporter, system, unknown, access_token, identity: these names are used for other actors",
        },
      ]),
    ),
  ])("S31 that pass for other actors are refused: given %j says %j", (changes, problems) => {
    expect(problemsOf(changed(changes))).toEqual(problems);
  });
});
