const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Value of each ASCII code, -1 for what is no digit. Value order is ASCII order. */
const digitValues = new Int8Array(128).fill(-1);
for (const [value, digit] of [...alphabet].entries()) digitValues[digit.charCodeAt(0)] = value;

/** Digits of a 256-bit number. */
export const width256 = 43;

/**
 * 43 digits can hold a little more than 256 bits. As value order is ASCII order, plain string comparison compares
 * values.
 */
const greatest256 = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

/** Whether all characters of `text` from `start` to before `end` are digits. */
export function isBase62(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code >= 128 || (digitValues[code] ?? -1) < 0) return false;
  }
  return true;
}

/** A number in a fixed width, left-padded with `0`; it must fit. */
export function encodeBase62(value: bigint, width: number): string {
  let text = "";
  for (let rest = value; text.length < width; rest /= 62n) text = alphabet.charAt(Number(rest % 62n)) + text;
  return text;
}

/** 32 bytes as one big-endian number. */
export function encode256(bytes: Uint8Array): string {
  return encodeBase62(BigInt(`0x${Buffer.from(bytes).toString("hex")}`), width256);
}

/**
 * The number that the digits of `text` from `start` to before `end` write. They must be digits, at most eight: it stays
 * an exact double.
 */
export function decodeBase62(text: string, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index++) value = value * 62 + (digitValues[text.charCodeAt(index)] ?? 0);
  return value;
}

// Five digits at a time (62^5 < 2^30) into limbs of 16 bits: every intermediate stays an exact double. With a BigInt it
// takes 2.6 times as long, and this runs on every Check.
const stride = 5;

/** Whether 43 digits are below 2^256. */
export function fits256(digits: string): boolean {
  return digits <= greatest256;
}

/** The 32 bytes of 43 digits that fit. */
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
