import type { Address } from "./network.js";

/**
 * A token bucket: a key with a full bucket may make `burst` calls at once, and one more every `intervalMs`. A key that
 * calls no faster is never refused.
 */
export interface Limit {
  /** Calls, 1 or more. */
  readonly burst: number;
  /** Milliseconds. */
  readonly intervalMs: number;
}

export interface RateLimiterOptions {
  readonly limit: Limit;
  /** A clock that never jumps, milliseconds. */
  readonly monotonicMs: () => number;
  /** The most keys that are remembered. Default 10,000, about 1 MB. */
  readonly maxKeys?: number;
}

/**
 * A limit that applies to each key (a caller or an address) separately. The state belongs to one process: with N
 * replicas, a key gets up to N times as much.
 */
export class RateLimiter {
  readonly #limit: Limit;
  readonly #monotonicMs: () => number;
  readonly #maxKeys: number;
  /** The time for each key at which its bucket is full again. */
  readonly #restedAt = new Map<string, number>();

  constructor({ limit, monotonicMs, maxKeys = 10_000 }: RateLimiterOptions) {
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
    this.#maxKeys = maxKeys;
  }

  /** The number of keys that are remembered now. */
  get size(): number {
    return this.#restedAt.size;
  }

  /**
   * Counts a call and returns 0, or returns the milliseconds after which the next call is allowed; a refused call does
   * not count. A call with a `count` above 1 is allowed whenever a single call is; the next calls wait longer.
   */
  waitMs(key: string, count = 1): number {
    const { burst, intervalMs } = this.#limit;
    const now = this.#monotonicMs();
    const known = this.#restedAt.get(key);
    if (known === undefined && this.#restedAt.size >= this.#maxKeys) this.#forget(now);
    const restedAt = Math.max(known ?? now, now);
    // Whole milliseconds, because nobody can wait for less.
    const waitMs = Math.floor(restedAt - now - (burst - 1) * intervalMs);
    if (waitMs > 0) return waitMs;
    this.#restedAt.set(key, restedAt + count * intervalMs);
    return 0;
  }

  /**
   * Forgets all keys with full buckets, which changes nothing, and at least a tenth of the keys. The next ones to go
   * are those whose buckets are full soonest, which gain least by it.
   */
  #forget(now: number): void {
    const byRest = [...this.#restedAt].sort(([, a], [, b]) => a - b);
    for (const [index, [key, restedAt]] of byRest.entries())
      if (restedAt <= now || index <= byRest.length / 10) this.#restedAt.delete(key);
  }
}

/**
 * Returns the key of an address. The holder of an IPv6 address mostly has all of its /64 (RFC 4291 §2.5.4), so a /64 is
 * one key. All unknown addresses are one key as well.
 */
export function keyOfAddress(address: Address | undefined): string {
  if (!address) return "";
  return "parts" in address ? address.parts.slice(0, 4).join(":") : address.toString();
}
