import ms, { type StringValue } from "ms";

const duration = /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d|w|y)$/;

/** Milliseconds of `800ms`, `5s`, `10m`, `1h`, `90d`, `2w` or `1y` (365.25 days); undefined for anything else, a bare number included. */
export function durationMs(text: string): number | undefined {
  // A bare number would be milliseconds to `ms`, and seconds to most people.
  return duration.test(text) ? ms(text as StringValue) : undefined; // just tested
}
