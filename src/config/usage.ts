import { z } from "zod";
import { duration } from "./duration.js";

/** Counts of decisions, and the times when tokens were last used. */
export const usage = z
  .object({
    /** How often counts are written, 1s to 1m. A killed process loses at most the counts of this time. Default 5s. */
    flush_interval: duration("1s", "1m").prefault("5s"),
    /**
     * Whether the time and address of the last use are recorded, with one write a minute for each token in use. Without
     * them, unused tokens are not revoked. Default `true`.
     */
    last_use: z.boolean().default(true),
  })
  .transform(({ flush_interval, last_use }) => ({ flushIntervalMs: flush_interval, lastUse: last_use }))
  .prefault({});
