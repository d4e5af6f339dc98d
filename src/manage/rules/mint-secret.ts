import { newSecretId } from "../../domain/ids.js";
import type { PepperRing } from "../../domain/pepper.js";
import type { TokenKind } from "../../domain/token.js";
import type { NewSecret } from "../../domain/token-store.js";

/** Makes a new secret in both forms: the one to store, and the text that is shown once. */
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
