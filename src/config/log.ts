import { z } from "zod";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** The log: one JSON object a line, on stderr. */
export const log = z
  .object({
    /** The lowest level that is logged. Default `info`. */
    level: z.enum(levels).default("info"),
  })
  .prefault({});
