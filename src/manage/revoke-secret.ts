import type { ManagingCaller } from "../access/caller.js";
import { Failure } from "../failure/failure.js";
import type { TokenSnapshot } from "../store/token-store.js";
import { earlier } from "../token/lifetime.js";
import type { SecretId, TokenId } from "../token/token.js";
import { tokenEvent } from "./audit.js";
import { type ChangeTokenOptions, changeToken } from "./change-token.js";

/** Ends the grace of a superseded secret now. The current secret is not ended so: revoke or rotate the token. */
export function revokeSecret(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  secretId: SecretId,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "revoke", ({ token }, now) => {
    const secret = token.secrets.find((candidate) => candidate.id === secretId);
    if (!secret) throw new Failure("NOT_FOUND");
    if (!secret.retireTime) throw new Failure("STATE_CONFLICT", { metadata: { state: "CURRENT_SECRET" } });
    // Not by its time: what is over by our clock may go on by another replica's, and nothing would end it there.
    if (secret.ended) return undefined;
    const details = { secret: secretId, hint: secret.hint };
    const event = tokenEvent({ caller, time: now }, "secret.revoked", token, {}, details);
    return { retire: [{ id: secretId, time: earlier(secret.retireTime, now), ended: true }], event };
  });
}
