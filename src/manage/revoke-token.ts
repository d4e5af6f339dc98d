import { actorOf, type Caller } from "../access/caller.js";
import type { Clock } from "../check/clock.js";
import { Failure } from "../failure/failure.js";
import type { TokenStore } from "../store/token-store.js";
import type { RevocationReason, TokenId, TokenWithSecrets } from "../token/token.js";
import { getToken } from "./get-token.js";

export interface RevokeTokenOptions {
  readonly store: Pick<TokenStore, "get" | "revoke">;
  readonly clock: Clock;
}

/**
 * Ends a token for good; repeating it keeps the first revocation. It never asks OpenFGA, so that it works while OpenFGA is down. Every Check
 * reads the database in a statement of its own, so once this has returned no Check that starts later can allow.
 */
export async function revokeToken(
  { store, clock }: RevokeTokenOptions,
  caller: Caller,
  id: TokenId,
  reason: RevocationReason,
): Promise<TokenWithSecrets> {
  await getToken(store, caller, id);
  const revoked = await store.revoke(id, { by: actorOf(caller), reason, time: clock.now() });
  if (!revoked) throw new Failure("NOT_FOUND");
  return revoked;
}
