import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";

/**
 * The wall clock of a replica, which is compared with the database's clock again and again. A step back is ignored
 * until the next comparison, so that no expired token is allowed in the meantime. A step forward takes effect at once,
 * since a machine that was suspended also shows one.
 */
export class ComparedClock implements Clock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  /** Wall clock minus monotonic clock at the last comparison that found the clock right. */
  #offsetMs = Number.NEGATIVE_INFINITY;
  #fault: Failure | undefined;

  constructor({ wallMs = Date.now, monotonicMs = () => performance.now() } = {}) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  now(): Date {
    return new Date(Math.max(this.#wallMs(), this.#monotonicMs() + this.#offsetMs));
  }

  /**
   * The reason why this replica makes no decisions now: its clock and the database's clock differ, and nobody knows
   * which is right. With a clock that is behind, an expired token would be allowed. With a clock that is ahead, the
   * holder of a usable token would read that it has expired, and log out. Neither can be undone, so this replica makes
   * no decision, and a caller asks another one. Tokens can still be revoked, since that does not depend on the time.
   */
  get fault(): Failure | undefined {
    return this.#fault;
  }

  /** The same clock for those who judge by it: throws the fault while there is one. */
  readonly judging: Clock = {
    now: () => {
      if (this.#fault) throw this.#fault;
      return this.now();
    },
  };

  /** Called after each comparison. */
  compared(isRight: boolean): void {
    if (isRight) this.#offsetMs = this.#wallMs() - this.#monotonicMs();
    this.#fault = isRight ? undefined : clocksDiffer();
  }
}

function clocksDiffer(): Failure {
  const problem = "the clocks of this replica and of the database differ by more than a second";
  return new Failure("DATABASE_UNAVAILABLE", { metadata: { problem }, cause: new Error(problem) });
}
