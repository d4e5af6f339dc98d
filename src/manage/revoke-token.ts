import { tokenEvent } from "../audit/change-event.js";
import { actorOf, type ManagingCaller } from "../callers/caller.js";
import type { RevocationReason, TokenId } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
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
