import type { ActionName } from "./identifier.js";
import { commonCidrs } from "./network.js";
import type { Grant, SecretRecord, TokenRecord } from "./token.js";

/**
 * The limits of a deployment or an organization for tokens. They apply at each use: a stricter policy blocks older
 * tokens and revokes none.
 */
export interface Policy {
  /** Longest time from a secret's creation to the token's end, milliseconds. Undefined means no limit. */
  readonly maxLifetimeMs: number | undefined;
  /**
   * Lifetime when the request names none, milliseconds. Undefined means the value of the deployment's configuration.
   */
  readonly defaultLifetimeMs: number | undefined;
  readonly requireExpiry: boolean;
  /** Undefined means no limit. `*` and full in a grant cover only these actions. */
  readonly allowedActions: readonly ActionName[] | undefined;
  /** Undefined means no limit. */
  readonly allowedCidrs: readonly string[] | undefined;
  /** Applies to tokens that are made or widened after the policy is set. */
  readonly requireApproval: boolean;
  /** Milliseconds, at least a day, after which unused tokens are revoked in the background. Undefined means never. */
  readonly revokeUnusedAfterMs: number | undefined;
  readonly revokeOnReuse: boolean;
  readonly forbidFull: boolean;
  readonly blockAll: boolean;
  readonly allowSelfRotation: boolean;
  /** User tokens must be bound to an organization. */
  readonly requireOrganization: boolean;
}

/** The policy of a scope for which none is set. */
export const noPolicy: Policy = {
  maxLifetimeMs: undefined,
  defaultLifetimeMs: undefined,
  requireExpiry: false,
  allowedActions: undefined,
  allowedCidrs: undefined,
  requireApproval: false,
  revokeUnusedAfterMs: undefined,
  revokeOnReuse: false,
  forbidFull: false,
  blockAll: false,
  allowSelfRotation: false,
  requireOrganization: false,
};

/** Fields as the API names them. */
export type PolicyField =
  | "max_lifetime"
  | "require_expiry"
  | "allowed_actions"
  | "allowed_cidrs"
  | "forbid_full"
  | "block_all"
  | "require_organization"
  | "allow_self_rotation";

/** Returns the stricter value of each field, so that an organization can tighten limits and never loosen them. */
export function stricter(a: Policy, b: Policy): Policy {
  const allowedActions = bothLists(a.allowedActions, b.allowedActions, (left, right) =>
    left.filter((action) => right.includes(action)),
  );
  const allowedCidrs = bothLists(a.allowedCidrs, b.allowedCidrs, commonCidrs);
  return {
    maxLifetimeMs: smaller(a.maxLifetimeMs, b.maxLifetimeMs),
    defaultLifetimeMs: smaller(a.defaultLifetimeMs, b.defaultLifetimeMs),
    requireExpiry: a.requireExpiry || b.requireExpiry,
    allowedActions,
    allowedCidrs,
    requireApproval: a.requireApproval || b.requireApproval,
    revokeUnusedAfterMs: smaller(a.revokeUnusedAfterMs, b.revokeUnusedAfterMs),
    revokeOnReuse: a.revokeOnReuse || b.revokeOnReuse,
    forbidFull: a.forbidFull || b.forbidFull,
    // Limits that have nothing in common allow nothing. An empty list would mean no limit.
    blockAll: a.blockAll || b.blockAll || allowedActions?.length === 0 || allowedCidrs?.length === 0,
    allowSelfRotation: a.allowSelfRotation && b.allowSelfRotation,
    requireOrganization: a.requireOrganization || b.requireOrganization,
  };
}

/** The part of a token that a policy judges. */
export type JudgedToken = Pick<TokenRecord, "kind" | "organization" | "grant" | "expireTime">;

/** Returns the fields that block every use of the token now; empty when none does. */
export function blockedBy(
  policy: Policy,
  token: JudgedToken,
  { createTime }: Pick<SecretRecord, "createTime">,
): readonly PolicyField[] {
  const { expireTime } = token;
  const blocked: PolicyField[] = [];
  if (policy.blockAll) blocked.push("block_all");
  if (policy.requireExpiry && !expireTime) blocked.push("require_expiry");
  if (policy.maxLifetimeMs !== undefined) {
    const lifetimeMs = (expireTime?.getTime() ?? Number.POSITIVE_INFINITY) - createTime.getTime();
    if (lifetimeMs > policy.maxLifetimeMs) blocked.push("max_lifetime");
  }
  if (policy.forbidFull && token.grant.kind === "full") blocked.push("forbid_full");
  if (policy.requireOrganization && token.kind === "pat" && !token.organization) blocked.push("require_organization");
  return blocked;
}

/** Returns whether the policy allows the action at all. */
export function policyAllows({ allowedActions }: Policy, action: ActionName): boolean {
  return allowedActions?.includes(action) ?? true;
}

/** Returns the part of a grant that the policy allows. If the policy names actions, `*` and full cover only these. */
export function grantUnder({ allowedActions }: Policy, grant: Grant): Grant {
  if (!allowedActions) return grant;
  if (grant.kind === "full") return { kind: "rules", rules: [{ actions: allowedActions, resources: ["*"] }] };
  const rules = grant.rules.map(({ actions, resources }) => ({
    actions: actions.includes("*") ? allowedActions : allowedActions.filter((action) => actions.includes(action)),
    resources,
  }));
  return { kind: "rules", rules: rules.filter(({ actions }) => actions.length > 0) };
}

/** The part of a new or changed token that a policy judges. */
export type WrittenToken = JudgedToken & Pick<TokenRecord, "selfRotate">;

/**
 * Returns the fields that a new or changed token would violate: those that would block it, and those that forbid its
 * self-rotation or actions that it names.
 */
export function policyViolations(
  policy: Policy,
  token: WrittenToken,
  secret: Pick<SecretRecord, "createTime">,
): readonly PolicyField[] {
  const broken = [...blockedBy(policy, token, secret)];
  if (policy.allowedActions && otherActions(token.grant, policy.allowedActions).length > 0) {
    broken.push("allowed_actions");
  }
  if (token.selfRotate && !policy.allowSelfRotation) broken.push("allow_self_rotation");
  return broken;
}

/** Returns the actions that a grant names and that are not in a list. `*` and full name none. */
export function otherActions(grant: Grant, allowed: readonly ActionName[]): readonly ActionName[] {
  if (grant.kind === "full") return [];
  const named = new Set(grant.rules.flatMap(({ actions }) => [...actions]));
  return [...named].filter((action): action is ActionName => action !== "*" && !allowed.includes(action));
}

/** Returns whether `after` forbids something that `before` allowed. */
export function tightens(before: Policy, after: Policy): boolean {
  return JSON.stringify(stricter(before, after)) !== JSON.stringify(before);
}

/** Returns whether `after` allows something that `before` did not. */
export function loosens(before: Policy, after: Policy): boolean {
  return tightens(after, before);
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function bothLists<T>(
  a: readonly T[] | undefined,
  b: readonly T[] | undefined,
  common: (a: readonly T[], b: readonly T[]) => readonly T[],
): readonly T[] | undefined {
  return a === undefined || b === undefined ? (a ?? b) : common(a, b);
}
