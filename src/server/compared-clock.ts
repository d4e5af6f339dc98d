import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";

/**
 * The wall clock of a replica, which is compared with the database's again and again. A step back is not followed
 * before it has been compared, so that no token that has expired is allowed in the meantime; a step forward is, since
 * it also comes from a machine that was suspended.
 */
export class ComparedClock implements Clock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  /** Wall clock minus monotonic clock when it was last found right. */
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
   * Why no token is judged now: this clock and the database's differ, and nobody knows which is right. By a clock that
   * is behind, an expired token would be allowed; by one that is ahead, its holder would be told that it is over, and
   * log out. Neither is to be undone, so no decision is made at all: a caller asks another replica. What ends a token
   * goes on, since no time decides it.
   */
  get fault(): Failure | undefined {
    return this.#fault;
  }

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
