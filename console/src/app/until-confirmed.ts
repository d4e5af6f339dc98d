import { isOutcomeUnknown, isPending, problemOf } from "./problem.js";

const pauses = [500, 1000, 2000, 4000];

/**
 * Makes a change, and repeats the same call while its answer is lost, up to three times, and until every replica has
 * confirmed the change. `onPending` is called when the change is stored but not confirmed yet. Only for calls that
 * change nothing when they are repeated, or that carry a request_id. Throws the last error.
 */
export async function untilConfirmed<T>(call: () => Promise<T>, onPending?: () => void): Promise<T> {
  let lost = 0;
  for (let round = 0; ; round += 1) {
    try {
      return await call();
    } catch (error) {
      const problem = problemOf(error);
      if (isPending(problem)) onPending?.();
      else if (isOutcomeUnknown(problem) && lost < 3) lost += 1;
      else throw error;
      await pause(problem.retryAfter ?? pauses[Math.min(round, pauses.length - 1)] ?? 4000);
    }
  }
}

/** Resolves after this many milliseconds. */
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
