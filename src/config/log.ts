import { z } from "zod";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** The log: one JSON object a line, on stderr. */
export const log = z
  .object({
    /** Lines below this level are left out. Default `info`. */
    level: z.enum(levels).default("info"),
  })
  .prefault({});
