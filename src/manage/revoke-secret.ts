import { tokenEvent } from "../audit/change-event.js";
import type { ManagingCaller } from "../callers/caller.js";
import { Failure } from "../domain/errors.js";
import { earlier } from "../domain/lifetime.js";
import { tokenState } from "../domain/state.js";
import type { SecretId, TokenId } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { type ChangeTokenOptions, changeToken } from "./rules/change-token.js";

/** Ends the grace of a superseded secret now. Refuses the current secret: revoke or rotate the token instead. */
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
    // Checks the flag, not the time: a secret that has ended by our clock may still be valid by another replica's
    // clock, and nothing would end it there.
    if (secret.ended) return undefined;
    const details = { secret: secretId, hint: secret.hint };
    const event = tokenEvent({ caller, time: now }, "secret.revoked", token, {}, details);
    return { retire: [{ id: secretId, time: earlier(secret.retireTime, now), ended: true }], event };
  });
}

/** Returns whether a superseded secret of the token may still work. */
export function hasSecretInGrace({ token }: TokenSnapshot, now: Date): boolean {
  const state = tokenState(token, now);
  if (state === "REVOKED" || state === "DENIED" || state === "EXPIRED") return false;
  return token.secrets.some(({ retireTime, ended }) => retireTime !== undefined && retireTime > now && !ended);
}
