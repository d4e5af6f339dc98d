import { grantWithin } from "../../domain/grant.js";
import { cidrsWithin } from "../../domain/network.js";
import type { TokenRecord } from "../../domain/token.js";
import type { TokenContext } from "../../domain/token-store.js";

type Reach = Pick<TokenRecord, "grant" | "allowedCidrs" | "expireTime" | "expired" | "notBefore" | "selfRotate">;

/** Returns whether `next` could do something, at some place or time, that `token` could not. */
export function widens(token: Reach, next: Reach): boolean {
  const never = Number.POSITIVE_INFINITY;
  return (
    !grantWithin(next.grant, token.grant) ||
    !cidrsWithin(next.allowedCidrs, token.allowedCidrs) ||
    (next.expireTime?.getTime() ?? never) > (token.expireTime?.getTime() ?? never) ||
    (token.expired && !next.expired) ||
    (next.notBefore?.getTime() ?? -never) < (token.notBefore?.getTime() ?? -never) ||
    (next.selfRotate && !token.selfRotate)
  );
}

/** Returns the approval of a widened token: pending when it had one before, or when the policy requires one. */
export function approvalOfWidened(
  token: Pick<TokenRecord, "approval">,
  { policy }: Pick<TokenContext, "policy">,
): Pick<TokenRecord, "approval"> | undefined {
  return policy.requireApproval || token.approval !== undefined ? { approval: { state: "pending" } } : undefined;
}
