import { z } from "zod";
import { duration } from "./duration.js";

/** How long the past is kept. */
export const audit = z
  .object({
    /**
     * How long audit events are kept, and tokens after they have ended; 1d to 100y. Older ones are deleted in the
     * background, for which the database role must be allowed to delete from `audit_event` and `audit_seal`; `audit
     * verify` proves the rest. Default: everything is kept.
     */
    retention: duration("1d", "100y").optional(),
  })
  .transform(({ retention }) => (retention === undefined ? {} : { retentionMs: retention }))
  .prefault({});
