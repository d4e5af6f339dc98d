import { RateLimiter } from "../domain/rate-limiter.js";

export interface RefreshedOptions {
  /** How long a fetched value is current, milliseconds. Entries that its source withdraws are trusted until then. */
  readonly maxAgeMs: number;
  /** How long after that the value is still used while fetches fail, milliseconds. Default an hour. */
  readonly staleIfErrorMs?: number;
  /**
   * Longest pause after a failed fetch, milliseconds. The first pause is about a second, each further one twice as
   * long. Default a minute.
   */
  readonly longestPauseMs?: number;
  /**
   * Milliseconds between two fetches for names that `find` does not find, after a burst of three: made-up names must
   * not cause a flood of fetches. Default 30 s.
   */
  readonly unknownNameMs?: number;
  /** Returns the time of a clock that never jumps, milliseconds. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Returns a number from 0 to 1, for the jitter. Default: Math.random. */
  readonly random?: () => number;
  /** Called when a fetch fails, for the log: without it, a known value could hide an outage for an hour. */
  readonly onFailure: (error: unknown) => void;
  /** Returns the error to throw when there is no usable value. `cause` is the error of the last failed fetch. */
  readonly unavailable: (cause: unknown, retryDelayMs?: number) => unknown;
}

const firstPauseMs = 1_000;
const unknownNameFetches = 3;
const maxAskedNames = 100;

interface Fetched<T> {
  readonly value: T;
  readonly fetchTime: number;
  /** Number of the fetch, counted from 1. */
  readonly serial: number;
}

/**
 * A value that is fetched again when it is used and too old. All callers share one fetch. After a failed fetch there is
 * a pause; meanwhile the known value is still used for a while. jose's own remote key set fetches on every call while
 * an issuer fails, and has no bound on staleness.
 */
export class Refreshed<T extends object> {
  readonly #fetch: (known: T | undefined) => Promise<T>;
  readonly #options: Required<RefreshedOptions>;
  #fetched: Fetched<T> | undefined;
  #fetching: Promise<void> | undefined;
  /** Number of fetches begun so far. */
  #begun = 0;
  #failures = 0;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;
  readonly #fetchesForNames: RateLimiter;
  /** Names that were missing from a value fetched after they were asked for. */
  readonly #asked = new Set<string>();

  /** `fetch` gets the known value. It must return a new object, also when nothing has changed. */
  constructor(
    fetch: (known: T | undefined) => Promise<T>,
    {
      staleIfErrorMs = 3_600_000,
      longestPauseMs = 60_000,
      unknownNameMs = 30_000,
      monotonicMs = () => performance.now(),
      random = Math.random,
      ...options
    }: RefreshedOptions,
  ) {
    this.#fetch = fetch;
    this.#options = { ...options, staleIfErrorMs, longestPauseMs, unknownNameMs, monotonicMs, random };
    const limit = { burst: unknownNameFetches, intervalMs: unknownNameMs };
    this.#fetchesForNames = new RateLimiter({ limit, monotonicMs });
  }

  /** Returns the value, fetched again if it is too old. Throws `unavailable` when there is no usable value. */
  async get(): Promise<T> {
    const { maxAgeMs, staleIfErrorMs } = this.#options;
    if (!this.#isYoungerThan(maxAgeMs)) await this.#refresh();
    if (this.#fetched && this.#isYoungerThan(maxAgeMs + staleIfErrorMs)) return this.#fetched.value;
    throw this.#unavailable();
  }

  /**
   * Finds something by its name in the known value or, if it is missing there, in a newly fetched one. Returns
   * undefined when a value fetched after the call does not have the name either. Throws `unavailable` when such a value
   * cannot be fetched yet: an issuer may sign with a new key as soon as the key is published, and a refusal would be
   * final. Made-up names get this error too when they have used up the allowed fetches; known names still work.
   */
  async find<Found>(
    name: string,
    find: (value: T) => Promise<Found | undefined> | Found | undefined,
  ): Promise<Found | undefined> {
    const begun = this.#begun;
    let value: T | undefined = await this.get();
    while (value) {
      const found = await find(value);
      if (found !== undefined) return found;
      value = await this.#newerThan(value, name, begun);
    }
    return undefined;
  }

  /** Returns a newer value, or undefined when the known value was fetched after this name was asked for. */
  async #newerThan(known: T, name: string, begun: number): Promise<T | undefined> {
    const { monotonicMs, unknownNameMs } = this.#options;
    if (this.#fetched?.value !== known) return this.#fetched?.value;
    if (this.#fetched.serial > begun) {
      this.#remember(name);
      return undefined;
    }
    // Only for a while: the name may be published later.
    if (this.#asked.has(name) && this.#isYoungerThan(unknownNameMs)) return undefined;
    if (!this.#fetching && monotonicMs() >= this.#retryTime) {
      const retryDelayMs = this.#fetchesForNames.waitMs("");
      if (retryDelayMs > 0) throw this.#unavailable(retryDelayMs);
    }
    await this.#refresh();
    if (this.#fetched.value === known) throw this.#unavailable();
    return this.#fetched.value;
  }

  #remember(name: string): void {
    const [oldest] = this.#asked;
    if (this.#asked.size >= maxAskedNames && oldest !== undefined) this.#asked.delete(oldest);
    this.#asked.add(name);
  }

  #isYoungerThan(ageMs: number): boolean {
    return this.#fetched !== undefined && this.#options.monotonicMs() - this.#fetched.fetchTime < ageMs;
  }

  /** Resolves when a fetch has succeeded or failed, or at once when it is too early for another one. */
  async #refresh(): Promise<void> {
    if (!this.#fetching && this.#options.monotonicMs() < this.#retryTime) return;
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { monotonicMs, longestPauseMs, random, onFailure } = this.#options;
    // The age counts from before the fetch: later changes may not be in the answer.
    const fetchTime = monotonicMs();
    const serial = ++this.#begun;
    try {
      this.#fetched = { value: await this.#fetch(this.#fetched?.value), fetchTime, serial };
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs);
      this.#failures += 1;
      this.#retryTime = monotonicMs() + pauseMs * (0.5 + random() / 2);
      this.#lastError = error;
      onFailure(error);
    }
  }

  #unavailable(retryDelayMs?: number): unknown {
    return this.#options.unavailable(this.#lastError, retryDelayMs);
  }
}
