import { createHmac, timingSafeEqual } from "node:crypto";
import { tokenIdFromUuid, toUuid } from "./ids.js";
import type { TokenId } from "./token.js";

const idLength = 16;
const macLength = 16;

/**
 * An opaque position in a list: 16 bytes of the last id and a MAC over it and the scope (caller and filters), so that a
 * token that was edited or comes from elsewhere is refused instead of paging through another list.
 */
export function sealPageToken(keys: readonly Uint8Array[], scope: string, last: TokenId): string {
  return sealPosition(keys, scope, Buffer.from(toUuid(last).replaceAll("-", ""), "hex"));
}

/** The position, or undefined when no key made this token for this scope. */
export function openPageToken(keys: readonly Uint8Array[], scope: string, text: string): TokenId | undefined {
  const id = openPosition(keys, scope, text);
  return id?.length === idLength ? tokenIdFromUuid(Buffer.from(id).toString("hex")) : undefined;
}

/** The same for lists that are sorted by something else than one id. */
export function sealPosition(keys: readonly Uint8Array[], scope: string, position: Uint8Array): string {
  const [key] = keys;
  if (!key) throw new Error("no key to seal page tokens with");
  return Buffer.concat([position, mac(key, scope, position)]).toString("base64url");
}

/** The position, or undefined when no key made this token for this scope. */
export function openPosition(keys: readonly Uint8Array[], scope: string, text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Node ignores what is no base64url: only the one canonical spelling is a token.
  if (bytes.length < macLength || bytes.toString("base64url") !== text) return undefined;
  const position = bytes.subarray(0, -macLength);
  const sealed = keys.some((key) => timingSafeEqual(mac(key, scope, position), bytes.subarray(-macLength)));
  return sealed ? position : undefined;
}

function mac(key: Uint8Array, scope: string, position: Uint8Array): Buffer {
  // With its length, so that no byte of the position can pass for one of the scope.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(position.length);
  return createHmac("sha256", key).update(length).update(position).update(scope).digest().subarray(0, macLength);
}
