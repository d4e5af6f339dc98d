import type { ActionName, ResourceName } from "../identifier/identifier.js";
import type { ResolvedToken } from "../store/token-store.js";
import { grantCovers } from "../token/grant.js";
import { type Address, networkAllows } from "../token/network.js";
import { blockedBy, policyAllows } from "../token/policy.js";
import { usability } from "../token/state.js";
import type { Reason } from "./reason.js";

/** What the bearer attempts. */
export interface Attempt {
  readonly action: ActionName;
  readonly resource: ResourceName;
  /** Undefined: the caller does not know it. */
  readonly clientAddress: Address | undefined;
}

/**
 * The token's own part of a decision, steps 3 and 4: state, time and network. Undefined: nothing speaks against the token.
 * Pure; no I/O may be needed for it.
 */
export function judgeToken(
  { token, secret, subjects, policy }: ResolvedToken,
  clientAddress: Address | undefined,
  now: Date,
): Reason | undefined {
  const usable = usability(token, secret, subjects, now);
  if (usable !== "ALLOWED") return usable;
  return [token.allowedCidrs, policy.allowedCidrs ?? []].every((cidrs) => networkAllows(cidrs, clientAddress))
    ? undefined
    : "NETWORK_NOT_ALLOWED";
}

/** Steps 3 to 6, the first refusal decides. Undefined: it is for OpenFGA to say. */
export function judge(resolved: ResolvedToken, attempt: Attempt, now: Date): Reason | undefined {
  const { token, secret, policy } = resolved;
  const refusal = judgeToken(resolved, attempt.clientAddress, now);
  if (refusal) return refusal;
  if (!grantCovers(token.grant, attempt.action, attempt.resource)) return "NOT_GRANTED";
  const complies = blockedBy(policy, token, secret).length === 0 && policyAllows(policy, attempt.action);
  return complies ? undefined : "POLICY";
}
