import { grantCovers } from "../domain/grant.js";
import type { ActionName, ResourceName } from "../domain/identifier.js";
import { type Address, networkAllows } from "../domain/network.js";
import { blockedBy, type Policy, type PolicyField, policyAllows } from "../domain/policy.js";
import type { Reason } from "../domain/reason.js";
import { usableAt } from "../domain/state.js";
import { currentSecret } from "../domain/token.js";
import type { ResolvedToken, TokenSnapshot } from "../domain/token-store.js";

/** The action and resource that the bearer asks for, with the client address. */
export interface Attempt {
  readonly action: ActionName;
  readonly resource: ResourceName;
  /** Undefined when the caller does not know the address. */
  readonly clientAddress: Address | undefined;
}

/**
 * Runs steps 3 and 4 of a decision: state, time and network. Returns the refusal, or undefined when the token passes.
 * Pure, without I/O.
 */
export function judgeToken(
  token: ResolvedToken,
  clientAddress: Address | undefined,
  nowMs: number,
): Reason | undefined {
  const usable = usableAt(token.standing, token, nowMs);
  if (usable !== "ALLOWED") return usable;
  return inNetwork(token, token.policy, clientAddress) ? undefined : "NETWORK_NOT_ALLOWED";
}

/** Returns whether the address is in the ranges of the token and of its policy. */
export function inNetwork(
  { allowedCidrs }: Pick<ResolvedToken, "allowedCidrs">,
  policy: Policy,
  clientAddress: Address | undefined,
): boolean {
  return networkAllows(allowedCidrs, clientAddress) && networkAllows(policy.allowedCidrs ?? [], clientAddress);
}

/** Runs steps 3 to 6 and returns the first refusal, or undefined when OpenFGA has to decide. */
export function judge(token: ResolvedToken, attempt: Attempt, nowMs: number): Reason | undefined {
  const refusal = judgeToken(token, attempt.clientAddress, nowMs);
  if (refusal) return refusal;
  if (!grantCovers(token.grant, attempt.action, attempt.resource)) return "NOT_GRANTED";
  return complies(token, attempt.action) ? undefined : "POLICY";
}

/** Runs step 6: returns whether the current policy allows the action with this token. */
export function complies({ blocked, policy }: ResolvedToken, action: ActionName): boolean {
  return !blocked && policyAllows(policy, action);
}

/**
 * Returns the fields of the current policy that block the token, or this action with it. There are none when `complies`
 * says yes.
 */
export function policyBlockers(
  { token, policy }: Pick<TokenSnapshot, "token" | "policy">,
  action: ActionName | undefined,
): readonly PolicyField[] {
  const blockers = blockedBy(policy, token, currentSecret(token) ?? token);
  return action === undefined || policyAllows(policy, action) ? blockers : [...blockers, "allowed_actions"];
}
