import { z } from "zod";
import type { Limit } from "../domain/rate-limiter.js";

/** Calls in a period, 0 to 1,000,000. */
export const rate = z.int().min(0).max(1_000_000);

/**
 * Returns a limit of `calls` in each period, of which at most `burst` may come at once. Returns undefined, which is no
 * limit, for 0 calls.
 */
export function limitOf(calls: number, periodMs: number, burst = calls): Limit | undefined {
  return calls === 0 ? undefined : { burst, intervalMs: periodMs / calls };
}
