import type { Parsed } from "./identifier.js";

/**
 * As protobuf has it: `nanos` belongs to the second before it, 0 to 999,999,999; negative only in a negative duration.
 */
export interface SecondsAndNanos {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** How long a token shall live. `default`: nothing was asked for. */
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
/** Ten years; a longer life is `never`, which is a choice of its own. */
export const longestLifetimeMs = 3652 * dayMs;

/** When a token ends, to the millisecond: in the future, within ten years of `now`, after `notBefore`. */
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

/** Milliseconds that a token may live. */
export function parseTtl(ttl: SecondsAndNanos): Parsed<number> {
  const ms = toMilliseconds(ttl);
  return ms === undefined || ms < 1000 || ms > longestLifetimeMs
    ? { ok: false, problem: "must be 1 second to 10 years (3652 days)" }
    : { ok: true, value: ms };
}

// 0001-01-01T00:00:00Z and the last second of 9999, the range of google.protobuf.Timestamp.
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** An instant of the years 1 to 9999, rounded down to the millisecond. */
export function parseTimestamp(timestamp: SecondsAndNanos): Parsed<Date> {
  const ms = toMilliseconds(timestamp);
  if (ms === undefined || timestamp.seconds < firstSecond || timestamp.seconds > lastSecond) {
    return { ok: false, problem: "must be of the years 0001 to 9999, with nanos of 0 to 999999999" };
  }
  return { ok: true, value: new Date(ms) };
}

/** Undefined for malformed nanos. Exact wherever the ranges above hold. */
function toMilliseconds({ seconds, nanos }: SecondsAndNanos): number | undefined {
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) return undefined;
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** The first of two times; undefined never comes. */
export function earlier(a: Date | undefined, b: Date): Date {
  return a && a < b ? a : b;
}

/** When a secret of a token ends: at its own end or at the token's, whichever is first. Undefined means never. */
export function endOf(
  { expireTime }: { readonly expireTime: Date | undefined },
  { retireTime }: { readonly retireTime: Date | undefined },
): Date | undefined {
  return retireTime ? earlier(expireTime, retireTime) : expireTime;
}
