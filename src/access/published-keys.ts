import { Failure } from "../failure/failure.js";

export interface PublishedKeysOptions {
  /** How long fetched keys count as current, milliseconds. A key that was taken back is trusted for as long. */
  readonly cacheMaxAgeMs: number;
  /** Between two fetches that unknown keys ask for, milliseconds: made-up names of keys must not become a flood of fetches. */
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
const firstBackOffMs = 1_000;
const maxBackOffMs = 60_000;

/** What was published at one time. */
interface Published<Keys> {
  readonly keys: Keys;
  readonly fetchTime: number;
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
  #failures = 0;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  /** `fetchKeys` gets the keys as known before; what it gives back must be another object, also when nothing has changed. */
  constructor(fetchKeys: (known: Keys | undefined) => Promise<Keys>, options: PublishedKeysOptions) {
    this.#fetchKeys = fetchKeys;
    this.#options = options;
  }

  /** The keys as known now. Throws ISSUER_UNAVAILABLE when there are none that may still be trusted. */
  async current(): Promise<Keys> {
    if (!this.#isYoungerThan(this.#options.cacheMaxAgeMs)) await this.#refresh();
    if (this.#published && this.#isYoungerThan(this.#options.cacheMaxAgeMs + staleIfErrorMs))
      return this.#published.keys;
    throw this.#unavailable();
  }

  /**
   * The keys as published since `known` was, for a key that is not among those; undefined when there has been no reason to look again.
   * Throws ISSUER_UNAVAILABLE when they could not be had.
   */
  async newerThan(known: Keys): Promise<Keys | undefined> {
    if (this.#published?.keys === known && !this.#isYoungerThan(this.#options.unknownKeyMs)) {
      await this.#refresh();
      // It may well have been published by now: that is no reason to refuse it for good.
      if (this.#published.keys === known) throw this.#unavailable();
    }
    return this.#published?.keys === known ? undefined : this.#published?.keys;
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
    try {
      this.#published = { keys: await this.#fetchKeys(this.#published?.keys), fetchTime };
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

  #unavailable(): Failure {
    return new Failure("ISSUER_UNAVAILABLE", { cause: this.#lastError });
  }
}
