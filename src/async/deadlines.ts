/** Something that waits until its deadline at most. */
export interface Waiting {
  /** Instant of `performance.now()`. */
  readonly deadline: number;
}

/** Deadlines closer together than this, milliseconds, may be handled together, at the later one. */
const coarsenessMs = 5;

/** Reports what has passed its deadline. One timer serves all: timers for each would be expensive. */
export class Deadlines<T extends Waiting> {
  readonly #waiting = new Set<T>();
  readonly #onPassed: (late: T) => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; not later than `coarsenessMs` after the earliest deadline. */
  #wakeAt = Number.POSITIVE_INFINITY;

  /** `onPassed` is called once for each item that was not deleted before its deadline. It may add and delete items. */
  constructor(onPassed: (late: T) => void) {
    this.#onPassed = onPassed;
  }

  add(waiting: T): void {
    this.#waiting.add(waiting);
    if (waiting.deadline + coarsenessMs < this.#wakeAt) this.#wake(waiting.deadline);
  }

  /** Leaves the timer as it is: when it fires, it may find nothing to do and is set to the next deadline. */
  delete(waiting: T): void {
    this.#waiting.delete(waiting);
  }

  #wake(deadline: number): void {
    clearTimeout(this.#timer);
    this.#wakeAt = deadline + coarsenessMs;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, this.#wakeAt - performance.now())).unref();
  }

  #look(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) {
        next = Math.min(next, waiting.deadline);
        continue;
      }
      this.#waiting.delete(waiting);
      this.#onPassed(waiting);
    }
    if (next + coarsenessMs < this.#wakeAt) this.#wake(next);
  }
}

const impatient = new Deadlines<Waiting & { readonly giveUp: () => void }>((late) => late.giveUp());

/**
 * Settles as `work` does, or with `late()` when `deadline` passes first, an instant of `performance.now()`. The work is
 * not stopped: others may wait for it.
 */
export function byDeadline<T>(work: Promise<T>, deadline: number | undefined, late: () => T | Promise<T>): Promise<T> {
  if (deadline === undefined) return work;
  return new Promise((resolve, reject) => {
    const waiting = { deadline, giveUp: () => resolve(late()) };
    impatient.add(waiting);
    const settled = () => impatient.delete(waiting);
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}
