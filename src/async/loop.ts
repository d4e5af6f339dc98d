export interface LoopOptions {
  /** Pause between the start and the first turn, milliseconds. Default 0. */
  readonly firstAfterMs?: number;
  /** Shortest pause between two turns, milliseconds, also after `wake`. Default 0. */
  readonly spacingMs?: number;
}

/** Runs a function ("a turn") again and again, with a pause after each turn, until the loop is stopped. */
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
   * `turn` must not reject; a long turn should check its signal. `pauseMs` is the pause after a turn, milliseconds, or
   * a function that returns it, called when the turn has ended. An infinite pause ends only with `wake`.
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

  /** Starts with a turn at once. Resolves when that turn has ended. */
  async startNow(): Promise<void> {
    this.#started = true;
    this.#run();
    await this.#running;
  }

  /**
   * Runs a turn now instead of after the pause, or right after the turn that is running. When it is called before the
   * start, the first turn has no pause.
   */
  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    if (this.#running || !this.#started) return;
    this.#runIn(this.#endedAt + this.#spacingMs - performance.now());
  }

  /** Stops the loop forever. Resolves when a turn that has begun has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #runIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped.signal.aborted || ms === Number.POSITIVE_INFINITY) return;
    // Never synchronously: the caller of `wake` must not wait for the first part of a turn.
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
