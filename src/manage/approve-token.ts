import { tokenEvent } from "../audit/change-event.js";
import { actorOf, type ManagingCaller, namesOf, viaOf } from "../callers/caller.js";
import { requireStepUp } from "../callers/step-up.js";
import { handsAfterApproval, mayApprove } from "../domain/approval.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import { type ApprovalDecision, currentSecret, type TokenId } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";
import { exceededPolicies, refuseExceeded } from "./rules/compliance.js";

/**
 * Approves a pending token. The etag must be the current one, so that only what the caller has seen is approved.
 * Repeating it changes nothing.
 */
export function approveToken(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  { etag, comment }: { readonly etag: string; readonly comment: string },
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "approve", (current, now) => {
    const { token } = current;
    if (!checkApproval(caller, current, now)) return undefined;
    if (etagOf(token) !== etag) throw new Failure("ETAG_MISMATCH");
    requireStepUp(caller, now);
    requireCompliance(current);
    const made = decision(caller, now, comment);
    const facts = { approval: { state: "approved" as const, ...made } };
    const event = tokenEvent({ caller, time: now }, "token.approved", token, facts);
    const { grant, allowedCidrs, notBefore, expireTime, selfRotate } = token;
    const approved = { grant, allowedCidrs, notBefore, expireTime, selfRotate, decision: made };
    return { facts: { ...facts, approved, ...handsAfterApproval(token) }, event };
  });
}

/** Ends a pending token for good. Repeating it changes nothing. */
export function denyToken(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  comment: string,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "approve", (current, now) => {
    if (!checkDenial(current)) return undefined;
    const facts = { approval: { state: "denied" as const, ...decision(caller, now, comment) } };
    return { facts, event: tokenEvent({ caller, time: now }, "token.denied", current.token, facts) };
  });
}

/** Returns whether an approval would change the token. Throws when the caller or the state does not allow it. */
export function checkApproval(caller: ManagingCaller, current: TokenSnapshot, now: Date): boolean {
  requireThirdPerson(caller, current);
  requireNotEnded(current, now);
  const { approval } = current.token;
  if (approval?.state === "approved") return false;
  if (approval?.state !== "pending") throw new Failure("STATE_CONFLICT", { metadata: { state: "NOT_PENDING" } });
  return true;
}

/** Returns whether a denial would change the token. Throws when the token's state does not allow it. */
export function checkDenial({ token: { approval, revocation } }: TokenSnapshot): boolean {
  if (approval?.state === "denied") return false;
  if (approval?.state === "pending" && !revocation) return true;
  throw new Failure("STATE_CONFLICT", { metadata: { state: "NOT_PENDING" } });
}

/** Throws POLICY_VIOLATION when a policy would block the approved token. */
export function requireCompliance(current: TokenSnapshot): void {
  const secret = currentSecret(current.token);
  if (secret) refuseExceeded(exceededPolicies(current, current.token, secret));
}

/** Requires a caller that was not involved. A service that a person calls through counts like the person. */
function requireThirdPerson(caller: ManagingCaller, { token }: TokenSnapshot): void {
  if (mayApprove(token, namesOf(caller))) return;
  const because = "is its subject, or made, changed or rotated it";
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "approve", because } });
}

function decision(caller: ManagingCaller, time: Date, comment: string): ApprovalDecision {
  const via = viaOf(caller);
  return { by: actorOf(caller), time, comment, ...(via !== undefined && { via }) };
}
