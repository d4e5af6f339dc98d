import { problemOf } from "./problem.js";
import { pause } from "./until-confirmed.js";

interface Patience {
  /** How often the call is repeated. Default 4. */
  readonly repeats?: number;
  /** The longest wait that the server may ask for, in milliseconds; the user decides about longer ones. Default 2 s. */
  readonly longest?: number;
  /** Ends the repeats. */
  readonly signal?: AbortSignal;
}

/** Makes a call that only reads, and repeats it when the server asks to wait a little. Throws the last error. */
export async function patiently<T>(call: () => Promise<T>, patience: Patience = {}): Promise<T> {
  const { repeats = 4, longest = 2000, signal } = patience;
  for (let round = 0; ; round += 1) {
    try {
      return await call();
    } catch (error) {
      const { retryAfter } = problemOf(error);
      if (signal?.aborted || retryAfter === undefined || retryAfter > longest || round === repeats) throw error;
      await pause(retryAfter);
    }
  }
}
