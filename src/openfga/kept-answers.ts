interface KeptAnswer {
  readonly allowed: boolean;
  /**
   * Instant of `performance.now()` at which its question was sent: OpenFGA may have read its data at any time since.
   */
  readonly sentAt: number;
}

export interface KeptAnswersOptions {
  /** Milliseconds from the sending of a question during which its answer may be used again. */
  readonly maxStalenessMs: number;
  /** The most answers that are kept. */
  readonly maxEntries: number;
}

/**
 * Keeps answers of OpenFGA for as long as they may be used again. They live in two generations. When the younger one
 * holds half of the limit, or is as old as an answer may become, it replaces the older one, which is dropped as a
 * whole. So making room needs no search.
 */
export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  #younger = new Map<string, KeptAnswer>();
  #older: ReadonlyMap<string, KeptAnswer> = new Map();
  /** The time when the younger generation began. */
  #since = Number.NEGATIVE_INFINITY;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** The number of answers in both generations, expired ones included. */
  get size(): number {
    return this.#younger.size + this.#older.size;
  }

  get(key: string, now: number): boolean | undefined {
    const kept = this.#find(key);
    return kept && now - kept.sentAt < this.#options.maxStalenessMs ? kept.allowed : undefined;
  }

  /** Keeps an answer, unless one to a later question is kept already: answers may overtake each other. */
  keep(key: string, allowed: boolean, sentAt: number, now: number): void {
    const { maxStalenessMs, maxEntries } = this.#options;
    if ((this.#find(key)?.sentAt ?? sentAt) > sentAt) return;
    if (this.#younger.size >= maxEntries / 2 || now - this.#since >= maxStalenessMs) {
      this.#older = this.#younger;
      this.#younger = new Map();
      this.#since = now;
    }
    this.#younger.set(key, { allowed, sentAt });
  }

  #find(key: string): KeptAnswer | undefined {
    return this.#younger.get(key) ?? this.#older.get(key);
  }
}
