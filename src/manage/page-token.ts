import { createHmac, timingSafeEqual } from "node:crypto";
import { tokenIdFromUuid, toUuid } from "../token/ids.js";
import type { TokenId } from "../token/token.js";

const idLength = 16;
const macLength = 16;

/**
 * An opaque position in a list: 16 bytes of the last id and a MAC over it and the scope (caller and filters), so that a token that was edited or
 * comes from elsewhere is refused instead of paging through another list.
 */
export function sealPageToken(keys: readonly Uint8Array[], scope: string, last: TokenId): string {
  const [key] = keys;
  if (!key) throw new Error("no key to seal page tokens with");
  const id = Buffer.from(toUuid(last).replaceAll("-", ""), "hex");
  return Buffer.concat([id, mac(key, scope, id)]).toString("base64url");
}

/** The position, or undefined when no key made this token for this scope. */
export function openPageToken(keys: readonly Uint8Array[], scope: string, text: string): TokenId | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Node ignores what is no base64url: only the one canonical spelling is a token.
  if (bytes.length !== idLength + macLength || bytes.toString("base64url") !== text) return undefined;
  const id = bytes.subarray(0, idLength);
  if (!keys.some((key) => timingSafeEqual(mac(key, scope, id), bytes.subarray(idLength)))) return undefined;
  return tokenIdFromUuid(id.toString("hex"));
}

function mac(key: Uint8Array, scope: string, id: Uint8Array): Buffer {
  return createHmac("sha256", key).update(id).update(scope).digest().subarray(0, macLength);
}
