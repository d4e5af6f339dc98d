import type { Address } from "../domain/network.js";
import { keyOfAddress } from "../domain/rate-limiter.js";

/** How many places may be taken at a time. */
export interface PlaceLimits {
  readonly total: number;
  /** By one address: it must not keep out the others. */
  readonly ofAddress: number;
}

/** Places for calls that anybody may open and that may last as long as their connection. */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** The number of places that are taken now. */
  get taken(): number {
    return this.#total;
  }

  /** Takes a place. Returns a function that gives it back, to be called once; undefined when no place is free. */
  take(address: Address | undefined): (() => void) | undefined {
    const key = keyOfAddress(address);
    const count = this.#taken.get(key) ?? 0;
    if (this.#total >= this.#limits.total || count >= this.#limits.ofAddress) return undefined;
    this.#total++;
    this.#taken.set(key, count + 1);
    return () => {
      this.#total--;
      const rest = (this.#taken.get(key) ?? 1) - 1;
      if (rest > 0) this.#taken.set(key, rest);
      else this.#taken.delete(key);
    };
  }
}
