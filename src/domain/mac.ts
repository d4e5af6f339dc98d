import { createHmac, timingSafeEqual } from "node:crypto";

const macLength = 16;

/**
 * Returns opaque text, base64url: the bytes, and a MAC over them and the scope under the first key. The bytes are not
 * secret.
 */
export function withMac(keys: readonly Uint8Array[], scope: string, bytes: Uint8Array): string {
  const [key] = keys;
  if (!key) throw new Error("no key to make a MAC with");
  return Buffer.concat([bytes, mac(key, scope, bytes)]).toString("base64url");
}

/** Returns the bytes, or undefined when none of the keys made this text for this scope. */
export function verifyMac(keys: readonly Uint8Array[], scope: string, text: string): Uint8Array | undefined {
  const whole = Buffer.from(text, "base64url");
  // Node ignores characters that are not base64url, so only the canonical spelling is accepted.
  if (whole.length < macLength || whole.toString("base64url") !== text) return undefined;
  const bytes = whole.subarray(0, -macLength);
  const made = keys.some((key) => timingSafeEqual(mac(key, scope, bytes), whole.subarray(-macLength)));
  return made ? bytes : undefined;
}

function mac(key: Uint8Array, scope: string, bytes: Uint8Array): Buffer {
  // Includes the length, so that none of the bytes can be taken for a byte of the scope.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return createHmac("sha256", key).update(length).update(bytes).update(scope).digest().subarray(0, macLength);
}
