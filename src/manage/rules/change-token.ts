import type { ManagingCaller } from "../../callers/caller.js";
import type { Right, Rights } from "../../callers/rights.js";
import type { Clock } from "../../domain/clock.js";
import { Failure } from "../../domain/errors.js";
import { tokenState } from "../../domain/state.js";
import type { Rank, TokenId } from "../../domain/token.js";
import type { TokenChange, TokenSnapshot, TokenStore } from "../../domain/token-store.js";

export interface ChangeTokenOptions {
  readonly store: Pick<TokenStore, "get" | "change">;
  readonly clock: Clock;
  readonly rights: Rights;
}

/**
 * Changes a token if the caller has the right on it. `decide` gets the facts under the row lock, so that changes of one
 * token run one after another. It returns the change, or undefined for none, or throws.
 */
export async function changeToken(
  { store, clock, rights }: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  right: Right,
  decide: (current: TokenSnapshot, now: Date, rank: Rank) => TokenChange | undefined,
): Promise<TokenSnapshot> {
  const blanket = rights.blanketRank(caller);
  // No change of the token itself ends a right on it, so the right need not be checked again under the lock.
  const { rank } = blanket ?? (await rights.require(store, caller, id, right));
  const changed = await store.change(id, (current) => {
    if (blanket?.admits(current.token) === false) throw new Failure("NOT_FOUND");
    return decide(current, clock.now(), rank);
  });
  if (!changed) throw new Failure("NOT_FOUND");
  return changed;
}

/** Throws STATE_CONFLICT for a token that has ended for good. */
export function requireNotEnded({ token }: TokenSnapshot, now: Date): void {
  const state = tokenState(token, now);
  if (state === "REVOKED" || state === "DENIED") throw new Failure("STATE_CONFLICT", { metadata: { state } });
}
