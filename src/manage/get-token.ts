import type { Caller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import type { TokenId } from "../domain/token.js";
import type { TokenSnapshot, TokenStore } from "../domain/token-store.js";

export interface GetTokenOptions {
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
}

/** Returns the token. Throws NOT_FOUND both for an id that does not exist and for one that the caller may not see. */
export async function getToken(
  { store, rights }: GetTokenOptions,
  caller: Caller,
  id: TokenId,
): Promise<TokenSnapshot> {
  return (await rights.require(store, caller, id, "read")).snapshot;
}
