import { tokenEvent } from "../audit/change-event.js";
import { actorOf, type ManagingCaller } from "../callers/caller.js";
import type { Clock } from "../domain/clock.js";
import type { RevocationReason, TokenId } from "../domain/token.js";
import type { TokenFilter, TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { afterChange } from "./rules/after-change.js";
import { type ChangeTokenOptions, changeToken } from "./rules/change-token.js";

/**
 * Revokes a token for good. A repeat keeps the first revocation. For a holder, the token itself or a service it never
 * asks OpenFGA, so that it works while OpenFGA is down. When it returns, the revocation is committed. The API and the
 * integrations then wait until every replica has applied it (`confirm`).
 */
export function revokeToken(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  reason: RevocationReason,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "revoke", ({ token }, time) => {
    if (token.revocation) return undefined;
    const facts = { revocation: { by: actorOf(caller), reason, time } };
    return { facts, event: tokenEvent({ caller, time }, "token.revoked", token, facts) };
  });
}

/**
 * Returns when the last JWT of these revoked tokens expires, or undefined when none is valid. No more JWTs are made for
 * a revoked token, so this time is final.
 */
export async function residualUntil(
  { store, clock }: { readonly store: Pick<TokenStore, "residualOf">; readonly clock: Clock },
  filter: TokenFilter,
): Promise<Date | undefined> {
  return afterChange(() => store.residualOf({ ...filter, states: ["REVOKED"] }, clock.now()));
}
