/** Takes a turn again and again, with a pause after each, until it is stopped. */
export class Loop {
  readonly #turn: (stopped: AbortSignal) => Promise<void>;
  readonly #intervalMs: number;
  readonly #firstAfterMs: number;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #turning = false;
  #woken = false;
  #timer: NodeJS.Timeout | undefined;

  /** A turn must not reject; a long one should look at its signal. The first is taken `firstAfterMs` after the start. */
  constructor(turn: (stopped: AbortSignal) => Promise<void>, intervalMs: number, firstAfterMs = 0) {
    this.#turn = turn;
    this.#intervalMs = intervalMs;
    this.#firstAfterMs = firstAfterMs;
  }

  start(): void {
    this.#timer ??= setTimeout(() => this.#run(), this.#firstAfterMs).unref();
  }

  /** Takes a turn at once instead of after the pause; after the one that is under way, if there is one. */
  wake(): void {
    if (this.#stopped.signal.aborted) return;
    clearTimeout(this.#timer);
    if (this.#turning) this.#woken = true;
    else this.#run();
  }

  /** For good. Lets a turn that has begun end. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    this.#turning = true;
    this.#running = this.#turn(this.#stopped.signal).finally(() => {
      this.#turning = false;
      const pauseMs = this.#woken ? 0 : this.#intervalMs;
      this.#woken = false;
      if (!this.#stopped.signal.aborted) this.#timer = setTimeout(() => this.#run(), pauseMs).unref();
    });
  }
}
