import { tokenEvent } from "../audit/change-event.js";
import { actorOf, type ManagingCaller } from "../callers/caller.js";
import type { Clock } from "../domain/clock.js";
import type { RevocationReason, TokenId } from "../domain/token.js";
import type { TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { afterChange } from "./rules/after-change.js";
import { type ChangeTokenOptions, changeToken } from "./rules/change-token.js";

/**
 * Ends a token for good; repeating it keeps the first revocation. By a holder, the token itself or a service it never
 * asks OpenFGA, so that it works while OpenFGA is down. Every Check reads the database in a statement of its own, so
 * once this has returned no Check that starts later can allow.
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
 * When the last JWT ends that was made of a revoked token; undefined when none lives. Nothing more is handed out for
 * it, so this is the last word.
 */
export async function residualUntil(
  { store, clock }: { readonly store: Pick<TokenStore, "residualOf">; readonly clock: Clock },
  id: TokenId,
): Promise<Date | undefined> {
  const until = await afterChange(() => store.residualOf(id));
  return until && until > clock.now() ? until : undefined;
}
