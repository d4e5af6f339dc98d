import { Failure } from "../../domain/errors.js";
import { RateLimiter } from "../../domain/rate-limiter.js";

export interface PublishedKeysOptions {
  /** How long fetched keys count as current, milliseconds. A key that was taken back is trusted for as long. */
  readonly cacheMaxAgeMs: number;
  /**
   * Names of keys that are not among the known ones may cause three fetches at once, and then one in so many milliseconds: made-up names must not become
   * a flood of fetches.
   */
  readonly unknownKeyMs: number;
  /** Any clock that never jumps, milliseconds. */
  readonly monotonicMs: () => number;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
  /** Told of every failed fetch, for the log: known keys may hide an outage for an hour. */
  readonly onFetchFailure: (error: unknown) => void;
}

/** After their age is over, known keys still serve for this long while no others can be had. */
const staleIfErrorMs = 3_600_000;
const unknownKeyFetches = 3;
const maxAskedNames = 100;
const firstBackOffMs = 1_000;
const maxBackOffMs = 60_000;

/** What was published at one time. */
interface Published<Keys> {
  readonly keys: Keys;
  readonly fetchTime: number;
  /** Number of the fetch, counted from 1. */
  readonly serial: number;
}

/**
 * The public keys that somebody publishes. Whoever asks shares one fetch; a failed one is followed by a pause that doubles from about a second to a
 * minute. jose's own remote set fetches once a call while an issuer fails, and knows no bounded staleness.
 */
export class PublishedKeys<Keys extends object> {
  readonly #fetchKeys: (known: Keys | undefined) => Promise<Keys>;
  readonly #options: PublishedKeysOptions;
  #published: Published<Keys> | undefined;
  #fetching: Promise<void> | undefined;
  /** Fetches begun so far. */
  #begun = 0;
  #failures = 0;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;
  readonly #fetchesForUnknown: RateLimiter;
  /** Names that were asked for before the keys as known now were fetched: they are not published, or were not then. */
  readonly #asked = new Set<string>();

  /** `fetchKeys` gets the keys as known before; what it gives back must be another object, also when nothing has changed. */
  constructor(fetchKeys: (known: Keys | undefined) => Promise<Keys>, options: PublishedKeysOptions) {
    this.#fetchKeys = fetchKeys;
    this.#options = options;
    const limit = { burst: unknownKeyFetches, intervalMs: options.unknownKeyMs };
    this.#fetchesForUnknown = new RateLimiter({ limit, now: options.monotonicMs });
  }

  /** The keys as known now. Throws ISSUER_UNAVAILABLE when there are none that may still be trusted. */
  async current(): Promise<Keys> {
    if (!this.#isYoungerThan(this.#options.cacheMaxAgeMs)) await this.#refresh();
    if (this.#published && this.#isYoungerThan(this.#options.cacheMaxAgeMs + staleIfErrorMs))
      return this.#published.keys;
    throw this.#unavailable();
  }

  /**
   * What is found by the key of this name, in the keys as known now or, where it is not among those, as published since. Undefined: it is not published.
   * Throws ISSUER_UNAVAILABLE where nobody can tell yet: an issuer may sign with a new key as soon as it is published, and a refusal would be for good.
   * Made-up names get that answer as well once they have used up the fetches; they cost nothing then, and known keys go on.
   */
  async find<T>(name: string, find: (keys: Keys) => Promise<T | undefined> | T | undefined): Promise<T | undefined> {
    const begun = this.#begun;
    let keys: Keys | undefined = await this.current();
    while (keys) {
      const found = await find(keys);
      if (found !== undefined) return found;
      keys = await this.#newerThan(keys, name, begun);
    }
    return undefined;
  }

  /** Returns newer keys, or undefined when the known ones were fetched after this name was asked for. */
  async #newerThan(known: Keys, name: string, begun: number): Promise<Keys | undefined> {
    const { monotonicMs, unknownKeyMs } = this.#options;
    if (this.#published?.keys !== known) return this.#published?.keys;
    if (this.#published.serial > begun) {
      this.#remember(name);
      return undefined;
    }
    // Only for a while: it may have been published late.
    if (this.#asked.has(name) && this.#isYoungerThan(unknownKeyMs)) return undefined;
    if (!this.#fetching && monotonicMs() >= this.#retryTime) {
      const retryDelayMs = this.#fetchesForUnknown.waitMs("");
      if (retryDelayMs > 0) throw this.#unavailable(retryDelayMs);
    }
    await this.#refresh();
    if (this.#published.keys === known) throw this.#unavailable();
    return this.#published.keys;
  }

  #remember(name: string): void {
    const [oldest] = this.#asked;
    if (this.#asked.size >= maxAskedNames && oldest !== undefined) this.#asked.delete(oldest);
    this.#asked.add(name);
  }

  #isYoungerThan(ageMs: number): boolean {
    return this.#published !== undefined && this.#options.monotonicMs() - this.#published.fetchTime < ageMs;
  }

  /** Resolves when a fetch has ended, well or not, or when it is too early for another. */
  async #refresh(): Promise<void> {
    if (!this.#fetching && this.#options.monotonicMs() < this.#retryTime) return;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    // Counted from before: what came later may not be in the answer.
    const fetchTime = this.#options.monotonicMs();
    const serial = ++this.#begun;
    try {
      this.#published = { keys: await this.#fetchKeys(this.#published?.keys), fetchTime, serial };
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      const pause = Math.min(firstBackOffMs * 2 ** this.#failures, maxBackOffMs);
      this.#failures += 1;
      this.#retryTime = this.#options.monotonicMs() + pause * (0.5 + this.#options.random() / 2);
      this.#lastError = error;
      this.#options.onFetchFailure(error);
    }
  }

  #unavailable(retryDelayMs?: number): Failure {
    const cause = this.#lastError;
    return new Failure("ISSUER_UNAVAILABLE", { cause, ...(retryDelayMs !== undefined && { retryDelayMs }) });
  }
}
