/**
 * Well-known names by number, so that a switch over fields compares numbers. The first five are pseudo-fields: `path`
 * is ":path". The others are written as here, in kebab case.
 */
export const names = {
  authority: 1,
  method: 2,
  path: 3,
  scheme: 4,
  status: 5,
  contentLength: 6,
  contentType: 7,
  te: 8,
  host: 9,
  connection: 10,
  keepAlive: 11,
  proxyConnection: 12,
  transferEncoding: 13,
  upgrade: 14,
  authorization: 15,
  userAgent: 16,
  grpcTimeout: 17,
  grpcEncoding: 18,
  grpcAcceptEncoding: 19,
  grpcStatus: 20,
  grpcMessage: 21,
  grpcStatusDetailsBin: 22,
} as const;

const numbers = new Map(
  Object.entries(names).map(([name, number]) => {
    const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return [number <= names.status ? `:${kebab}` : kebab, number] as const;
  }),
);

/** Returns the number of a well-known name, 0 for any other. */
export function numberOf(name: string): number {
  return numbers.get(name) ?? 0;
}

/** A name and a value. There is one object for each literal and each entry of a table, so indexed fields cost none. */
export class Field {
  /** One character an octet, as the value. */
  readonly name: string;
  readonly value: string;
  /** Octets of name and value, and 32 (RFC 7541 §4.1). */
  readonly size: number;
  /** One of `names`, or 0. */
  readonly number: number;
  readonly isNameValid: boolean;
  /** Whether RFC 9113 §8.2.1 permits both name and value. */
  readonly isValid: boolean;

  constructor(name: string, value: string, number: number, isNameValid: boolean, isValueValid: boolean) {
    this.name = name;
    this.value = value;
    this.size = fieldSize(name.length, value.length);
    this.number = number;
    this.isNameValid = isNameValid;
    this.isValid = isNameValid && isValueValid;
  }
}

/** Returns the size that counts in tables and lists, from the octets of name and value. */
export function fieldSize(name: number, value: number): number {
  return name + value + 32;
}

const colon = 0x3a;
/** 1 for each octet of a name: a token of RFC 9110 §5.6.2 without upper case. */
const nameOctets = new Uint8Array(256);
for (const octet of Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")) nameOctets[octet] = 1;

/** Judges the octets of a name; that of a pseudo-field begins with a colon. */
export function isNameValid(octets: Uint8Array, start: number, end: number): boolean {
  const first = octets[start] === colon ? start + 1 : start;
  if (first >= end) return false;
  for (let at = first; at < end; at++) if (nameOctets[octets[at] as number] === 0) return false;
  return true;
}

/** Judges the octets of a value: no NUL, CR and LF, and no space or tab at either end. */
export function isValueValid(octets: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return true;
  if (isBlank(octets[start] as number) || isBlank(octets[end - 1] as number)) return false;
  for (let at = start; at < end; at++) {
    const octet = octets[at] as number;
    if (octet <= 0x0d && (octet === 0 || octet === 0x0a || octet === 0x0d)) return false;
  }
  return true;
}

function isBlank(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}
