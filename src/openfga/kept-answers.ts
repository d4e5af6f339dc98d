interface KeptAnswer {
  readonly allowed: boolean;
  /**
   * Instant of `performance.now()` at which its question was sent: OpenFGA may have read its data at any time since.
   */
  readonly sentAt: number;
}

export interface KeptAnswersOptions {
  /** Milliseconds from the sending of a question during which its answer may be given again. */
  readonly maxStalenessMs: number;
  /** Most answers that are kept. */
  readonly maxEntries: number;
}

/**
 * Answers of OpenFGA for as long as they may be given again. They live in two generations: when the younger one is half
 * of what may be kept, or as old as an answer may become, it takes the place of the older one, which is dropped whole.
 * So nothing has to be looked for to make room.
 */
export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  #younger = new Map<string, KeptAnswer>();
  #older: ReadonlyMap<string, KeptAnswer> = new Map();
  /** When the younger generation began. */
  #since = Number.NEGATIVE_INFINITY;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
  }

  /** Both generations, expired ones included. */
  get size(): number {
    return this.#younger.size + this.#older.size;
  }

  get(key: string, now: number): boolean | undefined {
    const kept = this.#find(key);
    return kept && now - kept.sentAt < this.#options.maxStalenessMs ? kept.allowed : undefined;
  }

  /** An answer to a later question stays: answers may overtake each other. */
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
