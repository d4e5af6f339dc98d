import { actorOf, type ManagingCaller } from "../access/caller.js";
import type { TokenSnapshot, TokenStore } from "../store/token-store.js";
import type { RevocationReason, TokenId } from "../token/token.js";
import { tokenEvent } from "./audit.js";
import { type ChangeTokenOptions, changeToken } from "./change-token.js";

export interface RevokeTokenOptions extends ChangeTokenOptions {
  readonly store: ChangeTokenOptions["store"] & Pick<TokenStore, "residualOf">;
}

export interface Revoked {
  readonly snapshot: TokenSnapshot;
  /** When the last JWT ends that was made of the token; undefined: none lives. */
  readonly residualUntil: Date | undefined;
}

/**
 * Ends a token for good; repeating it keeps the first revocation. By a holder, the token itself or a service it never asks OpenFGA, so that it
 * works while OpenFGA is down. Every Check reads the database in a statement of its own, so once this has returned no Check that starts later can
 * allow.
 */
export async function revokeToken(
  options: RevokeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  reason: RevocationReason,
): Promise<Revoked> {
  const snapshot = await changeToken(options, caller, id, "revoke", ({ token }, time) => {
    if (token.revocation) return undefined;
    const facts = { revocation: { by: actorOf(caller), reason, time } };
    return { facts, event: tokenEvent({ caller, time }, "token.revoked", token, facts) };
  });
  // Nothing is handed out for it any more, so this is the last word.
  const until = await options.store.residualOf(id);
  return { snapshot, residualUntil: until && until > options.clock.now() ? until : undefined };
}
