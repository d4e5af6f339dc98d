import type { ServiceCaller } from "../callers/caller.js";
import { Failure } from "../domain/errors.js";
import type { PepperRing } from "../domain/pepper.js";
import { parseSecret } from "../domain/secret.js";
import type { RevocationReason } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";
import { revokeToken } from "./revoke-token.js";
import type { ChangeTokenOptions } from "./rules/change-token.js";

export interface RevokeBySecretOptions extends ChangeTokenOptions {
  readonly store: ChangeTokenOptions["store"] & Pick<TokenStore, "findByDigest">;
  readonly brand: string;
  readonly peppers: PepperRing;
}

/**
 * Revokes the token of a secret for good, no matter whose it is: possession is enough to revoke, so the subjects that
 * the service is limited to do not matter. Does nothing for a text that is not a secret of ours, or when the token has
 * ended.
 */
export async function revokeBySecret(
  options: RevokeBySecretOptions,
  { subjects: _subjects, ...caller }: ServiceCaller,
  text: string,
  reason: RevocationReason,
): Promise<void> {
  const secret = parseSecret(text, options.brand);
  const recognized = secret && options.peppers.recognize(secret);
  if (!recognized) return;
  const id = await options.store.findByDigest([recognized.digest]);
  if (id === undefined) return;
  try {
    await revokeToken(options, caller, id, reason);
  } catch (error) {
    if (!(error instanceof Failure && error.reason === "NOT_FOUND")) throw error;
  }
}
