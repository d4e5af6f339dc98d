import { fromString, fromUUIDBytes, toUUID, typeidUnboxed } from "typeid-js";
import type { Parsed } from "./identifier.js";
import type { SecretId, TokenId } from "./token.js";

// TypeIDs over UUIDv7 with a counter (RFC 9562 §6.2 method 1): within a process, later ids sort after earlier ones,
// even within one millisecond, unless the clock is set back by more than ten seconds. Text and UUID have the same
// order.

const tokenPrefix = "tok";
const secretPrefix = "sec";

export function newTokenId(): TokenId {
  return brand(typeidUnboxed(tokenPrefix));
}

export function newSecretId(): SecretId {
  return brand(typeidUnboxed(secretPrefix));
}

/** Parses `tok_` and 26 characters in their canonical spelling. Does not check whether the token exists. */
export function parseTokenId(text: string): Parsed<TokenId> {
  return isId(text, tokenPrefix)
    ? { ok: true, value: text as TokenId }
    : { ok: false, problem: "must be a token id: tok_ and 26 lower-case letters and digits" };
}

/** Parses `sec_` and 26 characters in their canonical spelling. */
export function parseSecretId(text: string): Parsed<SecretId> {
  return isId(text, secretPrefix)
    ? { ok: true, value: text as SecretId }
    : { ok: false, problem: "must be a secret id: sec_ and 26 lower-case letters and digits" };
}

function isId(text: string, prefix: string): boolean {
  try {
    toUUID(fromString(text, prefix)); // throws when it is not a UUID
    return true;
  } catch {
    return false;
  }
}

/** Returns the UUID of an id as the database shows it: lower case, with dashes. */
export function toUuid(id: TokenId | SecretId): string {
  // Both types are only created here, from a TypeID.
  return toUUID(id as string as Parameters<typeof toUUID>[0]);
}

/** Returns the id of a UUID of 32 hexadecimal digits, with or without dashes. Throws for anything else. */
export function tokenIdFromUuid(uuid: string): TokenId {
  return brand(fromUUIDBytes(tokenPrefix, bytesOf(uuid)));
}

/** Returns the id of a UUID of 32 hexadecimal digits, with or without dashes. Throws for anything else. */
export function secretIdFromUuid(uuid: string): SecretId {
  return brand(fromUUIDBytes(secretPrefix, bytesOf(uuid)));
}

function bytesOf(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

/** Brands a text. Call it only with a typeid-js result for the prefix of `Id`. */
function brand<Id extends TokenId | SecretId>(typeId: string): Id {
  // typeid-js joins the text character by character, and V8 keeps such a text as a chain of twenty times its size. A
  // copy is in one piece (measured).
  return Buffer.from(typeId, "latin1").toString("latin1") as Id;
}
