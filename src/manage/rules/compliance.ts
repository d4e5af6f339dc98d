import type { Caller } from "../../callers/caller.js";
import { ceilingsOf } from "../../callers/caller.js";
import { Failure } from "../../domain/errors.js";
import { grantWithin } from "../../domain/grant.js";
import { type PolicyField, policyViolations } from "../../domain/policy.js";
import type { SecretRecord, TokenRecord } from "../../domain/token.js";
import type { TokenContext } from "../../domain/token-store.js";

/** The field of a request that each limit applies to. */
const requestFields: Readonly<Record<PolicyField, string>> = {
  max_lifetime: "expire_time",
  require_expiry: "never_expires",
  allowed_actions: "grant",
  allowed_cidrs: "allowed_cidrs",
  forbid_full: "grant",
  block_all: "subject",
  require_organization: "organization",
  allow_self_rotation: "self_rotate",
};

/**
 * Throws POLICY_VIOLATION, with field, limit, scope and the value of max_lifetime, when a new or changed token violates
 * a policy.
 */
export function requireCompliance(
  { policies, policy }: TokenContext,
  token: Parameters<typeof policyViolations>[1],
  secret: Pick<SecretRecord, "createTime">,
): void {
  const [limit] = policyViolations(policy, token, secret);
  if (!limit) return;
  const breaking = policies.find((scoped) => policyViolations(scoped.policy, token, secret).includes(limit));
  const { maxLifetimeMs } = breaking?.policy ?? policy;
  throw exceeds(
    requestFields[limit],
    limit,
    breaking?.scope ?? "effective",
    limit === "max_lifetime" ? maxLifetimeMs : undefined,
  );
}

/** Throws POLICY_VIOLATION of scope `caller` when a service's own ceilings are exceeded. */
export function requireWithinCeilings(
  caller: Caller,
  { grant, expireTime }: Pick<TokenRecord, "grant" | "expireTime">,
  now: Date,
): void {
  const { maxGrant, maxLifetimeMs } = ceilingsOf(caller);
  if (maxGrant && !grantWithin(grant, maxGrant)) throw exceeds("grant", "max_grant", "caller");
  const lifetimeMs = (expireTime?.getTime() ?? Number.POSITIVE_INFINITY) - now.getTime();
  if (maxLifetimeMs !== undefined && lifetimeMs > maxLifetimeMs) {
    throw exceeds("expire_time", "max_lifetime", "caller", maxLifetimeMs);
  }
}

/** A caller who may create tokens may know their longest lifetime: by trying, it would find it too. */
function exceeds(field: string, limit: string, scope: string, lifetimeMs?: number): Failure {
  const value = lifetimeMs !== undefined && { value: `${lifetimeMs / 1000}s` };
  return new Failure("POLICY_VIOLATION", { metadata: { field, limit, scope, ...value } });
}
