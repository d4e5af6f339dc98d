import type { Address } from "./network.js";

/**
 * A token bucket: who is rested may make `burst` calls at once, and every `intervalMs` one comes back. Who calls no
 * faster is never refused.
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
  /** Keys that are remembered. Default 10,000, about 1 MB. */
  readonly maxKeys?: number;
}

/**
 * One limit, held by each key apart: a caller, an address. State is of one process: over N replicas a key gets up to N
 * times as much.
 */
export class RateLimiter {
  readonly #limit: Limit;
  readonly #monotonicMs: () => number;
  readonly #maxKeys: number;
  /** For each key the time at which all of its calls will have come back. */
  readonly #restedAt = new Map<string, number>();

  constructor({ limit, monotonicMs, maxKeys = 10_000 }: RateLimiterOptions) {
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
    this.#maxKeys = maxKeys;
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#restedAt.size;
  }

  /**
   * Counts a call and answers 0, or answers after how many milliseconds the next one is admitted; such a call costs
   * nothing. A call that counts as several is admitted where one is: the next ones wait for it.
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
   * Makes room by a tenth. Forgetting the rested changes nothing; after them it is those who would be rested soonest,
   * who gain least by it.
   */
  #forget(now: number): void {
    const byRest = [...this.#restedAt].sort(([, a], [, b]) => a - b);
    for (const [index, [key, restedAt]] of byRest.entries())
      if (restedAt <= now || index <= byRest.length / 10) this.#restedAt.delete(key);
  }
}

/**
 * A holder of one IPv6 address mostly has all of its /64 (RFC 4291 §2.5.4), so that is one key. All unknown addresses
 * are one key as well.
 */
export function keyOfAddress(address: Address | undefined): string {
  if (!address) return "";
  return "parts" in address ? address.parts.slice(0, 4).join(":") : address.toString();
}
