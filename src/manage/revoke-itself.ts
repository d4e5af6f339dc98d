import type { Address } from "../domain/network.js";
import type { RevocationReason } from "../domain/token.js";
import { revokeToken } from "./revoke-token.js";
import type { ChangeTokenOptions } from "./rules/change-token.js";
import { type TokenCallerOptions, tokenCaller } from "./token-caller.js";

/**
 * Revokes the token of a secret for its holder, at this address; the token itself is the actor. Does nothing for a text
 * that is not a secret of ours, for a superseded secret, or for a token that has ended. Throws DATABASE_UNAVAILABLE or
 * DEADLINE_EXCEEDED.
 */
export async function revokeItself(
  options: ChangeTokenOptions & TokenCallerOptions,
  secret: string,
  address: Address | undefined,
  reason: RevocationReason,
  deadline: number,
): Promise<void> {
  const caller = await tokenCaller(options, secret, address, deadline);
  if (caller)
    await revokeToken(options, { ...caller, ...(address && { from: address.toString() }) }, caller.id, reason);
}
