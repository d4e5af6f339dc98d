import { type Caller, mayActFor } from "../access/caller.js";
import { Failure } from "../failure/failure.js";
import type { TokenStore } from "../store/token-store.js";
import type { TokenId, TokenWithSecrets } from "../token/token.js";

/** The token, or NOT_FOUND alike for an id that does not exist and one that the caller may not know of. */
export async function getToken(store: Pick<TokenStore, "get">, caller: Caller, id: TokenId): Promise<TokenWithSecrets> {
  const token = await store.get(id);
  if (!token || !mayActFor(caller, token.subject)) throw new Failure("NOT_FOUND");
  return token;
}
