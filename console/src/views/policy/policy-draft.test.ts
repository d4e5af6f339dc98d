import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type Policy, PolicySchema } from "#gen/patwarden/v1/policy_pb.js";
import { changedFields, draftOf, durationOf, enteredValue, exactUnit, policyOf, sourceOf } from "./policy-draft.js";

const day = 86_400_000;
const policy = (fields: object): Policy => create(PolicySchema, fields);
const full = policy({
  scope: "organization:acme",
  etag: "e",
  requireExpiry: true,
  maxLifetime: durationFromMs(30 * day),
  defaultLifetime: durationFromMs(36 * 3_600_000),
  revokeUnusedAfter: durationFromMs(90 * day),
  forbidFull: true,
  allowedActions: ["viewer", "editor"],
  allowedCidrs: ["192.0.2.0/24"],
  requireApproval: true,
  revokeOnReuse: true,
  allowSelfRotation: true,
  blockAll: true,
});

describe("a policy as it is entered", () => {
  it("leads back to the same policy", () => {
    for (const one of [full, policy({ scope: "organization:acme" })]) {
      const draft = draftOf(one);
      expect(changedFields(one, draft)).toEqual([]);
      expect(create(PolicySchema, policyOf(one.scope, one.etag, draft))).toEqual(one);
    }
  });

  it.each([
    [30 * day, [30, "day"]],
    [36 * 3_600_000, [36, "hour"]],
    [90_000, [90, "second"]],
  ])("shows %d ms as %j", (milliseconds, unit) => {
    expect(exactUnit(milliseconds)).toEqual(unit);
  });

  it.each([
    ["", undefined],
    [" 2 ", 2 * day],
    ["0", "wrong"],
    ["1.5", "wrong"],
    ["-1", "wrong"],
    ["a", "wrong"],
  ])("reads the amount %j as %s", (amount, value) => {
    expect(durationOf({ amount, unit: "day" })).toBe(value);
  });

  it("has changed where a value differs, not where only its text does", () => {
    const draft = {
      ...draftOf(full),
      allowed_actions: "editor,\n viewer viewer",
      default_lifetime: { amount: "2160", unit: "minute" as const },
    };
    expect(changedFields(full, draft)).toEqual([]);
    expect(enteredValue(draft, "allowed_actions")).toEqual(["editor", "viewer"]);
    const more = { ...draft, forbid_full: false, max_lifetime: { amount: "x", unit: "day" as const } };
    expect(changedFields(full, more)).toEqual(["max_lifetime", "forbid_full"]);
  });
});

describe("where a limit comes from", () => {
  it.each([
    ["forbid_full", {}, {}, "none"],
    ["forbid_full", { forbidFull: true }, { forbidFull: true }, "here"],
    ["forbid_full", {}, { forbidFull: true }, "deployment"],
    ["max_lifetime", { maxLifetime: durationFromMs(day) }, { maxLifetime: durationFromMs(day) }, "here"],
    ["max_lifetime", { maxLifetime: durationFromMs(9 * day) }, { maxLifetime: durationFromMs(day) }, "deployment"],
    ["allowed_actions", { allowedActions: ["a", "b"] }, { allowedActions: ["b", "a"] }, "here"],
    ["allowed_actions", { allowedActions: ["a", "b"] }, { allowedActions: ["b"] }, "both"],
    ["allowed_actions", {}, { allowedActions: ["b"] }, "deployment"],
    ["block_all", { allowedActions: ["a"] }, { blockAll: true }, "both"],
    ["block_all", {}, { blockAll: true }, "deployment"],
    ["allow_self_rotation", { allowSelfRotation: true }, {}, "deployment"],
    ["allow_self_rotation", {}, {}, "none"],
    ["allow_self_rotation", { allowSelfRotation: true }, { allowSelfRotation: true }, "both"],
  ] as const)("of %s is found", (field, own, effective, source) => {
    expect(sourceOf(field, policy(own), policy(effective))).toBe(source);
  });
});
