import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const algorithm = "aes-256-gcm";
const nonceLength = 12;
const tagLength = 16;

/** Encrypts a secret under the first key; `purpose` must be the same when it is opened. */
export function seal(keys: readonly Uint8Array[], purpose: string, text: string): Uint8Array {
  const [key] = keys;
  if (!key) throw new Error("no key to seal with");
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
}

/** Returns the secret, or undefined when none of the keys sealed it for this purpose. */
export function unseal(keys: readonly Uint8Array[], purpose: string, bytes: Uint8Array): string | undefined {
  const body = Buffer.from(bytes.subarray(nonceLength, -tagLength));
  for (const key of keys) {
    try {
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceLength), { authTagLength: tagLength });
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-tagLength));
      return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
    } catch {
      // Sealed under another key.
    }
  }
  return undefined;
}
