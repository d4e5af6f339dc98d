import { isOutcomeUnknown, problemOf } from "./problem.js";
import { pause } from "./until-confirmed.js";

const pauses = [700, 1500, 3000];

/**
 * Makes a call that carries a request_id, and repeats it as it was when its answer gets lost: the repeat returns the
 * same result. Throws the last problem when the answer stays lost.
 */
export async function once<T>(call: () => Promise<T>): Promise<T> {
  for (const wait of pauses) {
    try {
      return await call();
    } catch (error) {
      if (!isOutcomeUnknown(problemOf(error))) throw error;
      await pause(wait);
    }
  }
  return call();
}
