export interface LoopOptions {
  /** Pause between the start and the first turn, milliseconds. Default 0. */
  readonly firstAfterMs?: number;
  /** Shortest pause between two turns, milliseconds; holds for a turn that is woken, too. Default 0. */
  readonly spacingMs?: number;
}

/** Takes a turn again and again, with a pause after each, until it is stopped. */
export class Loop {
  readonly #turn: (stopped: AbortSignal) => Promise<void>;
  readonly #pauseMs: () => number;
  readonly #firstAfterMs: number;
  readonly #spacingMs: number;
  readonly #stopped = new AbortController();
  #started = false;
  #running: Promise<void> | undefined;
  #woken = false;
  #endedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /**
   * A turn must not reject; a long one should look at its signal. `pauseMs` is the pause after a turn, milliseconds, or
   * gives it when the turn has ended; infinite: until `wake`.
   */
  constructor(
    turn: (stopped: AbortSignal) => Promise<void>,
    pauseMs: number | (() => number),
    { firstAfterMs = 0, spacingMs = 0 }: LoopOptions = {},
  ) {
    this.#turn = turn;
    this.#pauseMs = typeof pauseMs === "number" ? () => pauseMs : pauseMs;
    this.#firstAfterMs = firstAfterMs;
    this.#spacingMs = spacingMs;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#runIn(this.#woken ? 0 : this.#firstAfterMs);
  }

  /** Starts with a turn at once. Resolves when that has ended. */
  async startNow(): Promise<void> {
    this.#started = true;
    this.#run();
    await this.#running;
  }

  /**
   * Takes a turn now instead of after the pause; after the one that is under way, if there is one. Before the start,
   * the first turn has no pause.
   */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    if (this.#running || !this.#started) return;
    this.#runIn(this.#endedAt + this.#spacingMs - performance.now());
  }

  /** For good. Lets a turn that has begun end. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #runIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped.signal.aborted || ms === Number.POSITIVE_INFINITY) return;
    // Never at once: the caller of `wake` must not wait for the beginning of a turn.
    if (ms <= 0) setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), ms).unref();
  }

  #run(): void {
    clearTimeout(this.#timer);
    if (this.#running || this.#stopped.signal.aborted) return;
    this.#woken = false;
    this.#running = this.#turn(this.#stopped.signal).finally(() => {
      this.#running = undefined;
      this.#endedAt = performance.now();
      this.#runIn(Math.max(this.#woken ? 0 : this.#pauseMs(), this.#spacingMs));
    });
  }
}
