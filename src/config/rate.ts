import { z } from "zod";
import type { Limit } from "../domain/rate-limiter.js";

/** Calls in some period, 0 to 1,000,000. */
export const rate = z.int().min(0).max(1_000_000);

/**
 * So many calls in each period, all at once or spread; `burst` at once where that is given. Returns undefined, no
 * limit, for 0 calls.
 */
export function limitOf(calls: number, periodMs: number, burst = calls): Limit | undefined {
  return calls === 0 ? undefined : { burst, intervalMs: periodMs / calls };
}
