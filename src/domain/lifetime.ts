import type { Parsed } from "./identifier.js";

/** Seconds and nanoseconds as in protobuf. `nanos` is 0 to 999,999,999, negative only in a negative duration. */
export interface SecondsAndNanos {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** The requested lifetime of a token. `default` when the request names none. */
export type Lifetime =
  | { readonly kind: "default" }
  | ({ readonly kind: "ttl" } & SecondsAndNanos)
  | { readonly kind: "date"; readonly time: Date }
  | { readonly kind: "never" };

export type Expiry =
  | { readonly ok: true /** Undefined means never. */; readonly expireTime: Date | undefined }
  | { readonly ok: false; readonly field: "ttl" | "expire_time" | "not_before"; readonly description: string };

export interface ExpiryInput {
  readonly lifetime: Lifetime;
  readonly now: Date;
  /** Milliseconds. */
  readonly defaultLifetimeMs: number;
  readonly notBefore: Date | undefined;
}

const dayMs = 86_400_000;
/** Ten years. A token with a longer life must be made with `never`. */
export const longestLifetimeMs = 3652 * dayMs;

/** Returns when a token ends, to the millisecond: in the future, within ten years of `now`, after `notBefore`. */
export function resolveExpiry({ lifetime, now, defaultLifetimeMs, notBefore }: ExpiryInput): Expiry {
  switch (lifetime.kind) {
    case "never":
      return { ok: true, expireTime: undefined };
    case "default":
      return startingBefore(notBefore, new Date(now.getTime() + defaultLifetimeMs));
    case "ttl": {
      const ttl = parseTtl(lifetime);
      if (!ttl.ok) return { ok: false, field: "ttl", description: ttl.problem };
      return startingBefore(notBefore, new Date(now.getTime() + ttl.value));
    }
    case "date": {
      const ms = lifetime.time.getTime() - now.getTime();
      // Written so that an invalid Date is refused as well.
      if (!(ms > 0 && ms <= longestLifetimeMs)) {
        return { ok: false, field: "expire_time", description: "must be in the future, at most 10 years (3652 days)" };
      }
      return startingBefore(notBefore, lifetime.time);
    }
  }
}

function startingBefore(notBefore: Date | undefined, expireTime: Date): Expiry {
  return notBefore && notBefore >= expireTime
    ? { ok: false, field: "not_before", description: "must be before the token expires" }
    : { ok: true, expireTime };
}

/** Parses the lifetime of a token into milliseconds. */
export function parseTtl(ttl: SecondsAndNanos): Parsed<number> {
  const ms = toMilliseconds(ttl);
  return ms === undefined || ms < 1000 || ms > longestLifetimeMs
    ? { ok: false, problem: "must be 1 second to 10 years (3652 days)" }
    : { ok: true, value: ms };
}

// 0001-01-01T00:00:00Z and the last second of 9999, the range of google.protobuf.Timestamp.
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** Parses an instant of the years 1 to 9999, rounded down to the millisecond. */
export function parseTimestamp(timestamp: SecondsAndNanos): Parsed<Date> {
  const ms = toMilliseconds(timestamp);
  if (ms === undefined || timestamp.seconds < firstSecond || timestamp.seconds > lastSecond) {
    return { ok: false, problem: "must be in the years 0001 to 9999, with nanos from 0 to 999999999" };
  }
  return { ok: true, value: new Date(ms) };
}

/** Returns undefined for malformed nanos. Exact within the ranges above. */
function toMilliseconds({ seconds, nanos }: SecondsAndNanos): number | undefined {
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) return undefined;
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** Returns the earlier of two times. Undefined means never. */
export function earlier(a: Date | undefined, b: Date): Date {
  return a && a < b ? a : b;
}

/** Returns when a secret ends: at its own end or at the token's, whichever is first. Undefined means never. */
export function endOf(
  { expireTime }: { readonly expireTime: Date | undefined },
  { retireTime }: { readonly retireTime: Date | undefined },
): Date | undefined {
  return retireTime ? earlier(expireTime, retireTime) : expireTime;
}
