import { inspect } from "node:util";
import { crc32 } from "node:zlib";

/** The kind of a token: `pat` acts as a user, `oat` as an organization. */
export type SecretKind = "pat" | "oat";

/** The parts of a secret that can be read without a call to the server. */
export interface ParsedSecret {
  readonly kind: SecretKind;
  /** Prefix and last four characters, `pw_pat_...AbCd`, for lists and logs. */
  readonly hint: string;
}

const randomDigits = 43;
const checksumDigits = 6;
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const onlyDigits = /^[0-9A-Za-z]+$/;
/** 2^256 - 1 in base 62. Digits are in ASCII order, so that texts of equal length compare as numbers. */
const greatestValue = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

/** The default of the server's `tokens.brand`. */
export const defaultBrand = "pw";

/** Throws TypeError for an invalid brand. */
export function requireBrand(brand: string): string {
  if (!/^[a-z][a-z0-9]{1,9}$/.test(brand)) {
    throw new TypeError("brand must be 2 to 10 lower-case letters and digits, a letter first");
  }
  return brand;
}

/**
 * Parses the secret of a token. Returns undefined for anything else, for example a paste that was cut off. It checks
 * length, prefix, alphabet and checksum; only the server knows whether the token exists and can be used. It never
 * throws, trims or changes case, in constant time.
 *
 * @param brand `tokens.brand` of the deployment.
 */
export function parseSecret(text: string, brand: string = defaultBrand): ParsedSecret | undefined {
  const prefixLength = brand.length + "_pat_".length;
  const checksumStart = prefixLength + randomDigits;
  if (text.length !== checksumStart + checksumDigits) return undefined;
  const kind = text.startsWith(`${brand}_pat_`) ? "pat" : text.startsWith(`${brand}_oat_`) ? "oat" : undefined;
  if (kind === undefined || !onlyDigits.test(text.slice(prefixLength))) return undefined;
  if (text.slice(prefixLength, checksumStart) > greatestValue) return undefined;
  if (checksumOf(text.slice(checksumStart)) !== crc32(text.slice(0, checksumStart))) return undefined;
  return { kind, hint: `${brand}_${kind}_...${text.slice(-4)}` };
}

function checksumOf(text: string): number {
  let value = 0;
  for (const digit of text) value = value * digits.length + digits.indexOf(digit);
  return value;
}

/** Matches tokens of any brand, and service keys. */
const secretShape = /^([a-z][a-z0-9]{1,9}_(?:pat|oat|svc)_)[0-9A-Za-z]{45}([0-9A-Za-z]{4})$/;

/** Returns the hint of a text with the shape of a secret, and nothing of other texts. */
function hintOf(text: string): string {
  const [, prefix, last] = secretShape.exec(text) ?? [];
  return prefix === undefined ? "[redacted]" : `${prefix}...${last}`;
}

/**
 * Wraps a secret so that printing, string conversion and JSON show only its hint. Every method of the client that takes
 * a token accepts it.
 *
 * ```ts
 * const secret = new Secret(text);
 * console.log("checking", secret); // checking Secret(pw_pat_...AbCd)
 * ```
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** `pw_pat_...AbCd`, or `[redacted]` if the text does not have the shape of a secret. */
  get hint(): string {
    return hintOf(this.#text);
  }

  /** Returns the whole secret. */
  reveal(): string {
    return this.#text;
  }

  /** Returns the hint. */
  toString(): string {
    return this.hint;
  }

  /** Returns the hint. */
  toJSON(): string {
    return this.hint;
  }

  /** @internal */
  [inspect.custom](): string {
    return `Secret(${this.hint})`;
  }
}

/** Returns the text of a token. Throws TypeError for another type. */
export function textOf(token: string | Secret): string {
  const text = token instanceof Secret ? token.reveal() : token;
  if (typeof text !== "string") throw new TypeError("token must be a string or a Secret");
  return text;
}
