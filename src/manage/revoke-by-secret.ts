import type { ServiceCaller } from "../access/caller.js";
import { Failure } from "../failure/failure.js";
import type { TokenStore } from "../store/token-store.js";
import type { PepperRing } from "../token/pepper.js";
import { parseSecret } from "../token/secret.js";
import type { RevocationReason } from "../token/token.js";
import type { ChangeTokenOptions } from "./change-token.js";
import { revokeToken } from "./revoke-token.js";

export interface RevokeBySecretOptions extends ChangeTokenOptions {
  readonly store: ChangeTokenOptions["store"] & Pick<TokenStore, "findByDigest">;
  readonly brand: string;
  readonly peppers: PepperRing;
}

/**
 * Ends the token of a secret for good, whoever's it is: possession is enough to destroy, so what limits the subjects of the service does not hold
 * here. Nothing happens for a text that is no secret of ours, or of a token that has ended.
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
