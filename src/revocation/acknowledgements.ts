interface Waiting {
  readonly heard: number;
  readonly wake: () => void;
}

/**
 * Counts notifications that a replica has acknowledged a change of this process. They are hints: each says only that it
 * is worth reading the leases. Some may be lost, and others come from nowhere.
 */
export class Acknowledgements {
  readonly #waiting = new Set<Waiting>();
  #heard = 0;
  /** `heard` when the last change was confirmed: the notifications until then were for earlier changes. */
  #settled = 0;
  /** The number of replicas that had acknowledged the last change. */
  #replicas = 0;

  /** The number of notifications so far. */
  get heard(): number {
    return this.#heard;
  }

  /** The number that is reached when every replica has acknowledged the next change. */
  get expected(): number {
    return this.#settled + this.#replicas;
  }

  hear(): void {
    this.#heard++;
    for (const { heard, wake } of this.#waiting) if (this.#heard >= heard) wake();
  }

  /** Remembers that a change is confirmed, and how many replicas have acknowledged it. */
  settle(replicas: number): void {
    this.#settled = this.#heard;
    this.#replicas = replicas;
  }

  /** Resolves when this number of notifications is reached, after `ms` at the latest. */
  async reach(heard: number, ms: number): Promise<void> {
    if (this.#heard >= heard) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve();
      };
      const waiting = { heard, wake };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(waiting);
    });
  }
}
