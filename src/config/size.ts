import { z } from "zod";
import { textOf } from "./common-values.js";

const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Returns the bytes of a size such as `64MiB`, `512KiB` or `0B`, or undefined for anything else, also `64`. */
function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,6})(B|KiB|MiB|GiB)$/.exec(text);
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : undefined; // the pattern has the same units
}

/** Accepts a size from `min` to `max` as bytes. */
export function size(min: string, max: string) {
  const minBytes = sizeBytes(min) ?? 0;
  const maxBytes = sizeBytes(max) ?? 0;
  const problem = `must be a size from ${min} to ${max}, such as 512KiB, 64MiB, 1GiB`;
  return textOf(problem).transform((value, context) => {
    const bytes = sizeBytes(value);
    if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes;
    context.addIssue(problem);
    return z.NEVER;
  });
}
