import { inspect } from "node:util";
import { crc32 } from "node:zlib";

/** Whose token a secret is of: `pat` acts as a user, `oat` as an organization. */
export type SecretKind = "pat" | "oat";

/** What can be told of a secret without asking the server. */
export interface ParsedSecret {
  readonly kind: SecretKind;
  /** Prefix and last four digits before the checksum, `pw_pat_...AbCd`: what lists and logs may show. */
  readonly hint: string;
}

const randomDigits = 43;
const checksumDigits = 6;
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const onlyDigits = /^[0-9A-Za-z]+$/;
/** 2^256 - 1 in base 62. Digits are in ASCII order, so that comparing texts of one length compares values. */
const greatestValue = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

/** The brand of deployments that have not chosen one. */
export const defaultBrand = "pw";

/** Throws TypeError for what cannot be a brand. */
export function requireBrand(brand: string): string {
  if (!/^[a-z][a-z0-9]{1,9}$/.test(brand)) {
    throw new TypeError("brand must be 2 to 10 lower-case letters and digits, a letter first");
  }
  return brand;
}

/**
 * Reads the secret of a token; undefined for anything else, such as a paste that is cut off. It looks at length, prefix, alphabet and checksum: whether
 * the token exists, and is still good, only the server knows. It never throws, trims or changes case, and its work does not grow with the input.
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
  return { kind, hint: `${brand}_${kind}_...${text.slice(checksumStart - 4, checksumStart)}` };
}

function checksumOf(text: string): number {
  let value = 0;
  for (const digit of text) value = value * digits.length + digits.indexOf(digit);
  return value;
}

/** Of tokens of any brand, and of service keys. */
const secretShape = /^([a-z][a-z0-9]{1,9}_(?:pat|oat|svc)_)[0-9A-Za-z]{39}([0-9A-Za-z]{4})[0-9A-Za-z]{6}$/;

/** The hint of whatever has the shape of a secret, and nothing of anything else. */
function hintOf(text: string): string {
  const [, prefix, last] = secretShape.exec(text) ?? [];
  return prefix === undefined ? "[redacted]" : `${prefix}...${last}`;
}

/**
 * A secret that can be carried about and logged: printed, put into a string, into JSON or into an error it shows its hint only. Every method of the
 * client that takes a token takes one.
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

  /** `pw_pat_...AbCd`; `[redacted]` when the text does not have the shape of a secret. */
  get hint(): string {
    return hintOf(this.#text);
  }

  /** The text itself. */
  reveal(): string {
    return this.#text;
  }

  /** The hint. */
  toString(): string {
    return this.hint;
  }

  /** The hint. */
  toJSON(): string {
    return this.hint;
  }

  /** @internal */
  [inspect.custom](): string {
    return `Secret(${this.hint})`;
  }
}

/** The text of what a caller gives as a token. */
export function textOf(token: string | Secret): string {
  const text = token instanceof Secret ? token.reveal() : token;
  if (typeof text !== "string") throw new TypeError("token must be a string or a Secret");
  return text;
}
