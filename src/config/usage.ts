import { z } from "zod";
import { duration } from "./duration.js";

/** Counting of decisions, and when tokens were last used. */
export const usage = z
  .object({
    /** How often counts are written, 1s to 1m; a process that is killed loses at most this much. Default 5s. */
    flush_interval: duration("1s", "1m").prefault("5s"),
    /**
     * Whether it is recorded when and from where tokens were last used: one write a minute for each token in use.
     * Without it no token is revoked for not being used. Default `true`.
     */
    last_use: z.boolean().default(true),
  })
  .transform(({ flush_interval, last_use }) => ({ flushIntervalMs: flush_interval, lastUse: last_use }))
  .prefault({});
