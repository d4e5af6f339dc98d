import { RateLimiter } from "../domain/rate-limiter.js";

export interface RefreshedOptions {
  /** How long a fetched value is current, milliseconds. What was taken back meanwhile is trusted for as long. */
  readonly maxAgeMs: number;
  /** How long it still serves after that while fetches fail, milliseconds. Default an hour. */
  readonly staleIfErrorMs?: number;
  /**
   * Longest pause after a failed fetch, milliseconds: the first is about a second, each further one twice as long.
   * Default a minute.
   */
  readonly longestPauseMs?: number;
  /**
   * Names that `find` does not find may cause three fetches at once, and then one in so many milliseconds: made-up
   * names must not become a flood of fetches. Default 30 s.
   */
  readonly unknownNameMs?: number;
  /** Any clock that never jumps, milliseconds. Default: the process's. */
  readonly monotonicMs?: () => number;
  /** 0 to 1, for the jitter. Default: Math.random. */
  readonly random?: () => number;
  /** Called for every failed fetch, for the log: a known value may hide an outage for an hour. */
  readonly onFailure: (error: unknown) => void;
  /** Makes the error that is thrown when there is no value that may serve, of the last failure. */
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
 * A value that is fetched again at use once it is too old. All who ask share one fetch; a failed one is followed by a
 * pause, and meanwhile what is known serves on for a while. jose's own remote key set fetches once a call while an
 * issuer fails, and has no bound on staleness.
 */
export class Refreshed<T extends object> {
  readonly #fetch: (known: T | undefined) => Promise<T>;
  readonly #options: Required<RefreshedOptions>;
  #fetched: Fetched<T> | undefined;
  #fetching: Promise<void> | undefined;
  /** Fetches begun so far. */
  #begun = 0;
  #failures = 0;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;
  readonly #fetchesForNames: RateLimiter;
  /** Names that were asked for before the value as known now was fetched: they are not in it, or were not then. */
  readonly #asked = new Set<string>();

  /** `fetch` gets the value as known before; what it returns must be another object, also when nothing has changed. */
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

  /** Returns the value as known now. Throws `unavailable` when there is none that may serve. */
  async get(): Promise<T> {
    const { maxAgeMs, staleIfErrorMs } = this.#options;
    if (!this.#isYoungerThan(maxAgeMs)) await this.#refresh();
    if (this.#fetched && this.#isYoungerThan(maxAgeMs + staleIfErrorMs)) return this.#fetched.value;
    throw this.#unavailable();
  }

  /**
   * Finds something by its name in the value as known now or, where it is not there, as fetched since. Returns
   * undefined when it is not there either. Throws `unavailable` where nobody can tell yet: an issuer may sign with a
   * new key as soon as it is published, and a refusal would be final. Made-up names get that answer as well once they
   * have used up the fetches; they cost nothing then, and known names go on.
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

  /** Returns a newer value, or undefined when the known one was fetched after this name was asked for. */
  async #newerThan(known: T, name: string, begun: number): Promise<T | undefined> {
    const { monotonicMs, unknownNameMs } = this.#options;
    if (this.#fetched?.value !== known) return this.#fetched?.value;
    if (this.#fetched.serial > begun) {
      this.#remember(name);
      return undefined;
    }
    // Only for a while: it may have been published late.
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

  /** Resolves when a fetch has ended, well or not, or when it is too early for another. */
  async #refresh(): Promise<void> {
    if (!this.#fetching && this.#options.monotonicMs() < this.#retryTime) return;
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { monotonicMs, longestPauseMs, random, onFailure } = this.#options;
    // Counted from before: what came later may not be in the answer.
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
