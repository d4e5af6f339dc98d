import type { Caller } from "../access/caller.js";
import type { TokenSnapshot, TokenStore } from "../store/token-store.js";
import type { TokenId } from "../token/token.js";
import type { Rights } from "./rights.js";

export interface GetTokenOptions {
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
}

/** The token, or NOT_FOUND alike for an id that does not exist and one that the caller may not know of. */
export async function getToken(
  { store, rights }: GetTokenOptions,
  caller: Caller,
  id: TokenId,
): Promise<TokenSnapshot> {
  return (await rights.require(store, caller, id, "read")).snapshot;
}
