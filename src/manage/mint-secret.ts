import type { NewSecret } from "../store/token-store.js";
import { newSecretId } from "../token/ids.js";
import type { PepperRing } from "../token/pepper.js";
import type { TokenKind } from "../token/token.js";

/** A new secret in both forms: to be stored, and the text that is shown once. */
export function mintSecret(
  peppers: PepperRing,
  kind: TokenKind,
  now: Date,
): { readonly secret: NewSecret; readonly text: string } {
  const { text, digest, pepperVersion, hint } = peppers.mint(kind);
  return {
    text,
    secret: { id: newSecretId(), hint, createTime: now, pepperVersion, retireTime: undefined, ended: false, digest },
  };
}
