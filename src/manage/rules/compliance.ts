import type { Caller } from "../../callers/caller.js";
import { ceilingsOf } from "../../callers/caller.js";
import { Failure } from "../../domain/errors.js";
import { grantWithin } from "../../domain/grant.js";
import {
  otherActions,
  type Policy,
  type PolicyField,
  policyViolations,
  type WrittenToken,
} from "../../domain/policy.js";
import type { SecretRecord } from "../../domain/token.js";
import type { TokenContext } from "../../domain/token-store.js";

/** A limit that a new or changed token exceeds. */
export interface Exceeded {
  readonly limit: PolicyField | "max_grant";
  /** `user`, `organization` or an organization: whose policy; `effective`: two policies together; `caller`. */
  readonly scope: string;
  /** The value of `max_lifetime`, milliseconds. */
  readonly lifetimeMs?: number | undefined;
  /** Says what would be right. */
  readonly description: string;
}

/** The field of a token that each limit applies to. */
const fields: Readonly<Record<Exceeded["limit"], string>> = {
  max_lifetime: "expire_time",
  require_expiry: "never_expires",
  allowed_actions: "grant",
  allowed_cidrs: "allowed_cidrs",
  forbid_full: "grant",
  block_all: "subject",
  require_organization: "organization",
  allow_self_rotation: "self_rotate",
  max_grant: "grant",
};

/** Returns the limits of the policies that a token exceeds, in the order in which they are reported. */
export function exceededPolicies(
  { policies, policy }: TokenContext,
  token: WrittenToken,
  secret: Pick<SecretRecord, "createTime">,
): readonly Exceeded[] {
  return policyViolations(policy, token, secret).flatMap((limit) => {
    const breaking = policies.filter((scoped) => policyViolations(scoped.policy, token, secret).includes(limit));
    const blamed = breaking.length > 0 ? breaking : [{ scope: "effective", policy }];
    return blamed.map(({ scope, policy }) => exceeded(limit, scope, token, policy));
  });
}

/** Returns the limits of the calling service, or of the service in between, that a token exceeds. */
export function exceededCeilings(
  caller: Caller,
  token: Pick<WrittenToken, "grant" | "expireTime">,
  now: Date,
): readonly Exceeded[] {
  const { maxGrant, maxLifetimeMs } = ceilingsOf(caller);
  const found: Exceeded[] = [];
  if (maxGrant && !grantWithin(token.grant, maxGrant)) found.push(exceeded("max_grant", "caller", token, {}));
  const lifetimeMs = (token.expireTime?.getTime() ?? Number.POSITIVE_INFINITY) - now.getTime();
  if (maxLifetimeMs !== undefined && lifetimeMs > maxLifetimeMs) {
    found.push(exceeded("max_lifetime", "caller", token, { maxLifetimeMs }));
  }
  return found;
}

/**
 * Throws POLICY_VIOLATION when a limit is exceeded: metadata with field, limit, scope and the value of max_lifetime of
 * the first, and all of them as preconditions.
 *
 * @param path the path of the token in the request. Default: the request is the token.
 */
export function refuseExceeded(limits: readonly Exceeded[], path: "" | "token." = ""): void {
  const [first] = limits;
  if (!first) return;
  const { limit, scope, lifetimeMs } = first;
  // A caller who may create tokens may know their longest lifetime: by trying, it would find it too.
  const value = lifetimeMs !== undefined && { value: `${lifetimeMs / 1000}s` };
  throw new Failure("POLICY_VIOLATION", {
    metadata: { field: fields[limit], limit, scope, ...value },
    preconditions: limits.map(({ limit: type, description }) => ({
      type,
      subject: `${path}${fields[type]}`,
      description,
    })),
  });
}

function exceeded(
  limit: Exceeded["limit"],
  scope: string,
  token: Pick<WrittenToken, "grant">,
  { maxLifetimeMs, allowedActions }: Partial<Policy>,
): Exceeded {
  const lifetimeMs = limit === "max_lifetime" ? maxLifetimeMs : undefined;
  const description = `${rightValue(limit, token, lifetimeMs, allowedActions)}, by ${authorOf(scope)}`;
  return { limit, scope, lifetimeMs, description };
}

/** The most actions that a description names. */
const maxNamed = 5;

function rightValue(
  limit: Exceeded["limit"],
  { grant }: Pick<WrittenToken, "grant">,
  lifetimeMs = 0,
  allowedActions: Policy["allowedActions"] = [],
): string {
  switch (limit) {
    case "max_lifetime":
      return `must be at most ${lifetimeMs / 1000}s after the creation`;
    case "require_expiry":
      return "must not be set: the token must expire";
    case "allowed_actions": {
      const others = otherActions(grant, allowedActions);
      const more = others.length > maxNamed ? ` and ${others.length - maxNamed} more` : "";
      return `must not name ${others.slice(0, maxNamed).join(", ")}${more}`;
    }
    case "allowed_cidrs":
      return "must be within the allowed ranges";
    case "forbid_full":
      return "must not be full";
    case "block_all":
      return "must be another one: its tokens are blocked";
    case "require_organization":
      return "must be set";
    case "allow_self_rotation":
      return "must not be set";
    case "max_grant":
      return "must be within the largest grant";
  }
}

function authorOf(scope: string): string {
  if (scope === "caller") return "the limits of the calling service";
  return scope === "effective" ? "the policies together" : `the policy of ${scope}`;
}
