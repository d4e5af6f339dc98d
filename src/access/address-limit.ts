import { type Address, networkOf } from "../token/network.js";
import { type Limit, spend } from "./limits.js";

export interface AddressLimitOptions {
  /** Absent: nobody is limited. */
  readonly limit: Limit | undefined;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Addresses that are remembered. Default 10,000, about 1 MB. */
  readonly maxAddresses?: number;
}

/** Of IPv6 everybody has a whole network to call from (RFC 6177 §2). */
const ipv6Bits = 64;

/**
 * Limits how fast strangers call from one address, or from one /64 of IPv6. State is of one process: over N replicas an address gets up to N times
 * as much.
 */
export class AddressLimit {
  readonly #options: AddressLimitOptions;
  /** By address, the time at which all of the limit will have come back. */
  readonly #restedAt = new Map<string, number>();

  constructor(options: AddressLimitOptions) {
    this.#options = options;
  }

  /** Addresses that are remembered now. */
  get size(): number {
    return this.#restedAt.size;
  }

  /** Counts a call; 0 when it is admitted, else after how many milliseconds the next one is. Calls from nowhere known share one limit. */
  waitMs(address: Address | undefined): number {
    const { limit, maxAddresses = 10_000 } = this.#options;
    if (!limit) return 0;
    const now = this.#options.now();
    const key = keyOf(address);
    const known = this.#restedAt.get(key);
    if (known === undefined && this.#restedAt.size >= maxAddresses) this.#forget(now);
    const { waitMs, restedAt } = spend(limit, known ?? now, now);
    this.#restedAt.set(key, restedAt);
    return waitMs;
  }

  /** Makes room by a tenth, as CallerLimits does: those who would be rested soonest gain least by it. */
  #forget(now: number): void {
    const byRest = [...this.#restedAt].sort(([, a], [, b]) => a - b);
    for (const [index, [key, restedAt]] of byRest.entries())
      if (restedAt <= now || index <= byRest.length / 10) this.#restedAt.delete(key);
  }
}

function keyOf(address: Address | undefined): string {
  if (!address) return "";
  return address.kind() === "ipv4" ? address.toString() : networkOf(address, ipv6Bits);
}
