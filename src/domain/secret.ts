import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { decode256, decodeBase62, encode256, encodeBase62, fits256, isBase62, width256 } from "./base62.js";
import type { TokenKind } from "./token.js";

/** `svc` is for service keys, which are not tokens. */
export type SecretKind = TokenKind | "svc";

/** A well-formed secret. It need not have been issued. */
export interface SecretText {
  readonly text: string;
  readonly kind: TokenKind;
  /** `<brand>_<kind>_`, which the tag covers. */
  readonly prefix: string;
}

/** The parts of a secret. */
export interface SecretBytes {
  /** 24 random bytes. */
  readonly random: Uint8Array;
  /** 8 bytes that only a holder of the pepper can make. */
  readonly tag: Uint8Array;
}

export const randomLength = 24;
export const tagLength = 8;
const checksumWidth = 6;

/** Encodes a secret: `<brand>_<kind>_`, 43 digits for the 32 bytes, 6 digits of CRC-32 over all of these. */
export function encodeSecret(brand: string, kind: SecretKind, bytes: Uint8Array): string {
  const checked = `${brand}_${kind}_${encode256(bytes)}`;
  return checked + encodeBase62(BigInt(crc32(checked)), checksumWidth);
}

/**
 * Parses a token secret of this brand. Returns undefined for anything else. Checks the length first, so that the work
 * does not grow with the input; then brand, kind, alphabet, range and checksum. Never throws, trims or changes case.
 * The checksum is not a security control: it stops typos, truncated pastes and garbage before any hashing.
 */
export function parseSecret(text: string, brand: string): SecretText | undefined {
  const prefixLength = brand.length + "_pat_".length;
  const checkedLength = prefixLength + width256;
  if (text.length !== checkedLength + checksumWidth) return undefined;
  const kind = kindOf(text, brand);
  if (!kind || !isBase62(text, prefixLength, text.length)) return undefined;
  if (!fits256(text.slice(prefixLength, checkedLength))) return undefined;
  if (decodeBase62(text, checkedLength, text.length) !== crc32(text.slice(0, checkedLength))) return undefined;
  return { text, kind, prefix: text.slice(0, prefixLength) };
}

const unbranded = /_(?:pat|oat|svc)_[0-9A-Za-z]{49}/g;
const brandLengths = [2, 3, 4, 5, 6, 7, 8, 9, 10];

/** Returns whether a text contains the secret of a token or service key, of any brand, anywhere. */
export function containsSecret(text: string): boolean {
  return [...text.matchAll(unbranded)].some(({ 0: { length }, index }) => {
    const end = index + length;
    const checksum = decodeBase62(text, end - checksumWidth, end);
    return brandLengths.some((brand) => crc32(text.slice(index - brand, end - checksumWidth)) === checksum);
  });
}

/** Decodes a parsed secret. Separate from parsing, since a secret that is already known needs no decoding. */
export function secretBytes({ text, prefix }: SecretText): SecretBytes {
  const bytes = decode256(text.slice(prefix.length, prefix.length + width256));
  return { random: bytes.subarray(0, randomLength), tag: bytes.subarray(randomLength) };
}

/** Returns the SHA-256, one character for each byte: the key of a secret in memory, which does not reveal it. */
export function sha256Of(text: string): string {
  return hash("sha256", text, "binary");
}

/**
 * Returns what lists show of a secret: the prefix, `...` and the last four characters, since people compare and search
 * by the end that they see. These are digits of the checksum. They tell as little as four others: 24 of 256 bits.
 */
export function hintOf(text: string): string {
  const prefix = text.slice(0, text.lastIndexOf("_") + 1);
  return `${prefix}...${text.slice(-4)}`;
}

function kindOf(text: string, brand: string): TokenKind | undefined {
  if (text.startsWith(`${brand}_pat_`)) return "pat";
  return text.startsWith(`${brand}_oat_`) ? "oat" : undefined;
}
