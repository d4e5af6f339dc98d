import { createHmac, timingSafeEqual } from "node:crypto";
import { tokenIdFromUuid, toUuid } from "./ids.js";
import type { TokenId } from "./token.js";

const idLength = 16;
const macLength = 16;

/**
 * Returns an opaque position in a list: 16 bytes of the last id, and a MAC over the id and the scope (caller and
 * filters). So a token that was edited, or that belongs to another list, is refused.
 */
export function sealPageToken(keys: readonly Uint8Array[], scope: string, last: TokenId): string {
  return sealPosition(keys, scope, Buffer.from(toUuid(last).replaceAll("-", ""), "hex"));
}

/** Returns the position, or undefined when none of the keys made this token for this scope. */
export function openPageToken(keys: readonly Uint8Array[], scope: string, text: string): TokenId | undefined {
  const id = openPosition(keys, scope, text);
  return id?.length === idLength ? tokenIdFromUuid(Buffer.from(id).toString("hex")) : undefined;
}

/** Does the same as `sealPageToken` for lists that are not sorted by a single id. */
export function sealPosition(keys: readonly Uint8Array[], scope: string, position: Uint8Array): string {
  const [key] = keys;
  if (!key) throw new Error("no key to seal page tokens with");
  return Buffer.concat([position, mac(key, scope, position)]).toString("base64url");
}

/** Returns the position, or undefined when none of the keys made this token for this scope. */
export function openPosition(keys: readonly Uint8Array[], scope: string, text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Node ignores characters that are not base64url, so only the canonical spelling is accepted.
  if (bytes.length < macLength || bytes.toString("base64url") !== text) return undefined;
  const position = bytes.subarray(0, -macLength);
  const sealed = keys.some((key) => timingSafeEqual(mac(key, scope, position), bytes.subarray(-macLength)));
  return sealed ? position : undefined;
}

function mac(key: Uint8Array, scope: string, position: Uint8Array): Buffer {
  // Includes the length, so that no byte of the position can be taken for a byte of the scope.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(position.length);
  return createHmac("sha256", key).update(length).update(position).update(scope).digest().subarray(0, macLength);
}
