/** A text that was entered to find the owner of a secret. */
export type FoundText =
  | { readonly kind: "hash"; readonly hash: string }
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "wrong" };

/** Characters that a token may have (RFC 6750). Anything else was not copied well. */
const token = /^[A-Za-z0-9._~+/-]{16,512}=*$/;

/** Reads a secret, or the SHA-256 of one. Blanks around it, and `Bearer ` before it, are no part of it. */
export function foundText(text: string): FoundText {
  const entered = text.trim().replace(/^Bearer\s+/i, "");
  if (/^[0-9a-f]{64}$/i.test(entered)) return { kind: "hash", hash: entered.toLowerCase() };
  return token.test(entered) ? { kind: "secret", secret: entered } : { kind: "wrong" };
}

/** Returns the SHA-256 of a secret as 64 hexadecimal digits; undefined where the browser computes none, without TLS. */
export async function sha256(secret: string): Promise<string | undefined> {
  // Absent outside of secure contexts, whatever its type says.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle) return undefined;
  const digest = await subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
