import ms, { type StringValue } from "ms";
import { z } from "zod";
import { textOf } from "./common-values.js";

const form = /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d|w|y)$/;

/**
 * Returns the milliseconds of `800ms`, `5s`, `10m`, `1h`, `90d`, `2w` or `1y` (365.25 days), or undefined for anything
 * else, also for a number without a unit.
 */
export function durationMs(text: string): number | undefined {
  // `ms` reads a number without a unit as milliseconds; most people mean seconds.
  return form.test(text) ? ms(text as StringValue) : undefined; // `form` allows only values that `ms` parses
}

const examples = ["800ms", "5s", "10m", "1h", "90d", "1y"];

/** Accepts a duration from `min` to `max` as milliseconds. */
export function duration(min: string, max: string) {
  const minMs = durationMs(min) ?? 0;
  const maxMs = durationMs(max) ?? 0;
  const within = examples.filter((example) => {
    const exampleMs = durationMs(example) ?? 0;
    return exampleMs >= minMs && exampleMs <= maxMs;
  });
  const problem = `must be a duration from ${min} to ${max}, such as ${within.join(", ")}`;
  return textOf(problem).transform((value, context) => {
    const valueMs = durationMs(value);
    if (valueMs !== undefined && valueMs >= minMs && valueMs <= maxMs) return valueMs;
    context.addIssue(problem);
    return z.NEVER;
  });
}

/** The lifetime of a token. */
export const lifetime = duration("1s", "10y");

/** How long callers may cache a response. */
export const cacheTime = duration("1s", "1h");
