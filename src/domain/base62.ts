const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The value of each ASCII code, -1 when it is not a digit. Value order is ASCII order. */
const digitValues = new Int8Array(128).fill(-1);
for (const [value, digit] of [...alphabet].entries()) digitValues[digit.charCodeAt(0)] = value;

/** The number of digits of a 256-bit number. */
export const width256 = 43;

/** The greatest number of 256 bits; 43 digits can hold a little more. Comparing strings compares values. */
const greatest256 = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

/** Returns whether all characters of `text` from `start` to before `end` are digits. */
export function isBase62(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code >= 128 || (digitValues[code] ?? -1) < 0) return false;
  }
  return true;
}

/** Encodes a number in a fixed width, left-padded with `0`. The number must fit. */
export function encodeBase62(value: bigint, width: number): string {
  let text = "";
  for (let rest = value; text.length < width; rest /= 62n) text = alphabet.charAt(Number(rest % 62n)) + text;
  return text;
}

/** Encodes 32 bytes as one big-endian number. */
export function encode256(bytes: Uint8Array): string {
  return encodeBase62(BigInt(`0x${Buffer.from(bytes).toString("hex")}`), width256);
}

/**
 * Decodes the digits of `text` from `start` to before `end`. There must be only digits, at most eight, so that the
 * number is exact in a double.
 */
export function decodeBase62(text: string, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index++) value = value * 62 + (digitValues[text.charCodeAt(index)] ?? 0);
  return value;
}

// `decode256` takes five digits at a time (62^5 < 2^30) into limbs of 16 bits, so that every intermediate value is
// exact in a double. With a BigInt it would take 2.6 times as long, and it runs on every Check.
const stride = 5;

/** Returns whether 43 digits are below 2^256. */
export function fits256(digits: string): boolean {
  return digits <= greatest256;
}

/** Returns the 32 bytes of 43 digits. The digits must be below 2^256. */
export function decode256(digits: string): Uint8Array {
  const limbs = new Uint16Array(16);
  for (let start = 0; start < width256; start += stride) {
    const end = Math.min(start + stride, width256);
    const factor = 62 ** (end - start);
    let carry = decodeBase62(digits, start, end);
    for (let limb = 15; limb >= 0; limb--) {
      const value = (limbs[limb] ?? 0) * factor + carry;
      limbs[limb] = value;
      carry = Math.floor(value / 65_536);
    }
  }
  const bytes = new Uint8Array(32);
  for (let limb = 0; limb < 16; limb++) {
    bytes[2 * limb] = (limbs[limb] ?? 0) >>> 8;
    bytes[2 * limb + 1] = limbs[limb] ?? 0;
  }
  return bytes;
}
