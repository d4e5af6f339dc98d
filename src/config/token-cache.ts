import { z } from "zod";
import { duration } from "./duration.js";
import { size } from "./size.js";

/** Token records in memory. A record that was revoked is never served from it: see `lease`. */
export const tokenCache = z
  .object({
    /** The memory of one process, estimated; 64KiB to 64GiB. A record takes about half a KiB. Default 64MiB. */
    max_bytes: size("64KiB", "64GiB").prefault("64MiB"),
    /**
     * How long a replica may serve records after its last answer from the database, 500ms to 1m: the longest outage of
     * the database that goes unnoticed, and the longest that a revocation waits for a replica that died. 0s: every
     * Check reads the database. Default 5s.
     */
    lease: duration("0s", "1m")
      .refine((ms) => ms === 0 || ms >= 500, "must be 0s, or 500ms to 1m")
      .prefault("5s"),
  })
  .transform(({ max_bytes, lease }) => ({ maxBytes: max_bytes, leaseMs: lease }))
  .prefault({});
