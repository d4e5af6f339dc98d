import { z } from "zod";
import { duration } from "./duration.js";

/** The retention of audit events and ended tokens. */
export const audit = z
  .object({
    /**
     * How long audit events are kept, and tokens after they have ended; 1d to 100y. Older ones are deleted in the
     * background. For this, the database role needs the right to delete from `audit_event` and `audit_seal`. `audit
     * verify` still proves the remaining events. Default: everything is kept.
     */
    retention: duration("1d", "100y").optional(),
  })
  .transform(({ retention }) => (retention === undefined ? {} : { retentionMs: retention }))
  .prefault({});
