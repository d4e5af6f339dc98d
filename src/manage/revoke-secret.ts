import type { Caller } from "../access/caller.js";
import { Failure } from "../failure/failure.js";
import type { TokenSnapshot } from "../store/token-store.js";
import type { SecretId, TokenId } from "../token/token.js";
import { type ChangeTokenOptions, changeToken } from "./change-token.js";

/** Ends the grace of a superseded secret now. The current secret is not ended so: revoke or rotate the token. */
export function revokeSecret(
  options: ChangeTokenOptions,
  caller: Caller,
  id: TokenId,
  secretId: SecretId,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "revoke", ({ token }, now) => {
    const secret = token.secrets.find((candidate) => candidate.id === secretId);
    if (!secret) throw new Failure("NOT_FOUND");
    if (!secret.retireTime) throw new Failure("STATE_CONFLICT", { metadata: { state: "CURRENT_SECRET" } });
    return secret.retireTime <= now ? undefined : { retire: [{ id: secretId, time: now }] };
  });
}
