import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { Policy, PolicySchema } from "#gen/patwarden/v1/policy_pb.js";
import type { PolicyFieldName } from "../../words/administration.js";

/** A unit in which people enter a duration. */
export type DurationUnit = "second" | "minute" | "hour" | "day";

/** A duration as it is entered. An empty amount is no limit. */
export interface DurationText {
  readonly amount: string;
  readonly unit: DurationUnit;
}

/** A policy while it is edited. Plain data, so that it can be kept over a sign-in. Lists have one entry a line. */
export interface PolicyDraft {
  readonly require_expiry: boolean;
  readonly max_lifetime: DurationText;
  readonly default_lifetime: DurationText;
  readonly revoke_unused_after: DurationText;
  readonly forbid_full: boolean;
  readonly allowed_actions: string;
  readonly allowed_cidrs: string;
  readonly require_approval: boolean;
  readonly revoke_on_reuse: boolean;
  readonly allow_self_rotation: boolean;
  readonly require_organization: boolean;
  readonly block_all: boolean;
}

/** All fields, in the order in which they are shown. */
export const policyFields: readonly PolicyFieldName[] = [
  ...(["require_expiry", "max_lifetime", "default_lifetime", "revoke_unused_after"] as const),
  ...(["forbid_full", "allowed_actions", "allowed_cidrs"] as const),
  ...(["require_approval", "revoke_on_reuse", "allow_self_rotation", "require_organization", "block_all"] as const),
];

/** Milliseconds of each unit, the largest first. */
const unitLengths: readonly (readonly [DurationUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];
const lengthOf = (unit: DurationUnit): number => unitLengths.find(([name]) => name === unit)?.[1] ?? 1000;

/** Returns the amount in the largest unit of which it is a whole number. */
export function exactUnit(milliseconds: number): readonly [number, DurationUnit] {
  const [unit, length] = unitLengths.find(([, own]) => milliseconds % own === 0) ?? ["second", 1000];
  return [milliseconds / length, unit];
}

/** The value of a field: whether it is set, milliseconds, or entries. Undefined and an empty list are no limit. */
export type PolicyValue = boolean | number | undefined | readonly string[];

/** Returns the value of a field. */
export function valueIn(policy: Policy | undefined, field: PolicyFieldName): PolicyValue {
  switch (field) {
    case "max_lifetime":
      return policy?.maxLifetime && durationMs(policy.maxLifetime);
    case "default_lifetime":
      return policy?.defaultLifetime && durationMs(policy.defaultLifetime);
    case "revoke_unused_after":
      return policy?.revokeUnusedAfter && durationMs(policy.revokeUnusedAfter);
    case "allowed_actions":
      return policy?.allowedActions ?? [];
    case "allowed_cidrs":
      return policy?.allowedCidrs ?? [];
    case "require_expiry":
      return policy?.requireExpiry ?? false;
    case "forbid_full":
      return policy?.forbidFull ?? false;
    case "require_approval":
      return policy?.requireApproval ?? false;
    case "revoke_on_reuse":
      return policy?.revokeOnReuse ?? false;
    case "allow_self_rotation":
      return policy?.allowSelfRotation ?? false;
    case "require_organization":
      return policy?.requireOrganization ?? false;
    case "block_all":
      return policy?.blockAll ?? false;
  }
}

const durationTextOf = (value: PolicyValue): DurationText => {
  if (typeof value !== "number") return { amount: "", unit: "day" };
  const [amount, unit] = exactUnit(value);
  return { amount: String(amount), unit };
};
const linesOf = (value: PolicyValue): string => (Array.isArray(value) ? value.join("\n") : "");

/** Returns a field as it is entered. */
export function draftValue<F extends PolicyFieldName>(policy: Policy | undefined, field: F): PolicyDraft[F] {
  const value = valueIn(policy, field);
  const text = typeof value === "boolean" ? value : isList(field) ? linesOf(value) : durationTextOf(value);
  return text as PolicyDraft[F]; // the kind of the field's value
}

/** Returns a policy as it is entered. */
export const draftOf = (policy: Policy | undefined): PolicyDraft =>
  // All fields are there.
  Object.fromEntries(policyFields.map((field) => [field, draftValue(policy, field)])) as unknown as PolicyDraft;

const isList = (field: PolicyFieldName): boolean => field === "allowed_actions" || field === "allowed_cidrs";

/** Returns the entries of a list that is entered one a line. */
export const entriesOf = (text: string): readonly string[] => [
  ...new Set(
    text
      .split(/[\s,]+/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  ),
];

/** Returns the duration in milliseconds; undefined for no limit, `wrong` for anything but a whole number. */
export function durationOf({ amount, unit }: DurationText): number | undefined | "wrong" {
  const text = amount.trim();
  if (text === "") return undefined;
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) * lengthOf(unit) : "wrong";
}

/** Returns the value that a field of a draft stands for; `wrong` for a duration that is no number. */
export function enteredValue(draft: PolicyDraft, field: PolicyFieldName): PolicyValue | "wrong" {
  const entered = draft[field];
  if (typeof entered === "boolean") return entered;
  return typeof entered === "string" ? entriesOf(entered) : durationOf(entered);
}

/** Returns whether two values are the same limit; the order of a list does not count. */
export function isSame(a: PolicyValue | "wrong", b: PolicyValue | "wrong"): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.toSorted().join(" ") === b.toSorted().join(" ");
  return a === b;
}

/** Returns the fields in which the draft differs from the policy. */
export const changedFields = (policy: Policy | undefined, draft: PolicyDraft): readonly PolicyFieldName[] =>
  policyFields.filter((field) => !isSame(valueIn(policy, field), enteredValue(draft, field)));

/** Returns the policy of a draft; durations that are no number are left out. */
export function policyOf(scope: string, etag: string, draft: PolicyDraft): MessageInitShape<typeof PolicySchema> {
  const duration = (field: "max_lifetime" | "default_lifetime" | "revoke_unused_after") => {
    const value = durationOf(draft[field]);
    return typeof value === "number" ? durationFromMs(value) : undefined;
  };
  const [maxLifetime, defaultLifetime] = [duration("max_lifetime"), duration("default_lifetime")];
  const revokeUnusedAfter = duration("revoke_unused_after");
  return {
    scope,
    etag,
    requireExpiry: draft.require_expiry,
    ...(maxLifetime && { maxLifetime }),
    ...(defaultLifetime && { defaultLifetime }),
    ...(revokeUnusedAfter && { revokeUnusedAfter }),
    forbidFull: draft.forbid_full,
    allowedActions: [...entriesOf(draft.allowed_actions)],
    allowedCidrs: [...entriesOf(draft.allowed_cidrs)],
    requireApproval: draft.require_approval,
    revokeOnReuse: draft.revoke_on_reuse,
    allowSelfRotation: draft.allow_self_rotation,
    requireOrganization: draft.require_organization,
    blockAll: draft.block_all,
  };
}

/** Where the limit that is in effect comes from. */
export type Source = "none" | "here" | "deployment" | "both";

/** Returns where the limit of a field comes from: this organization's policy, the deployment's, or both together. */
export function sourceOf(field: PolicyFieldName, own: Policy | undefined, effective: Policy | undefined): Source {
  const [set, holds] = [valueIn(own, field), valueIn(effective, field)];
  // This field alone allows something: it is off unless both set it.
  if (field === "allow_self_rotation") return holds ? "both" : set ? "deployment" : "none";
  if (holds === undefined || holds === false || (Array.isArray(holds) && holds.length === 0)) return "none";
  if (isSame(set, holds)) return "here";
  if (Array.isArray(set) && set.length > 0) return "both";
  // Lists that have nothing in common allow nothing.
  const ownLists = (own?.allowedActions.length ?? 0) + (own?.allowedCidrs.length ?? 0);
  return field === "block_all" && ownLists > 0 ? "both" : "deployment";
}
