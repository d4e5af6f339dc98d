import { z } from "zod";
import { duration } from "./duration.js";
import { size } from "./size.js";

/** The cache of token records. It never serves the record of a revoked token, see `lease`. */
export const tokenCache = z
  .object({
    /** The estimated memory of one process, 64KiB to 64GiB. A record takes about half a KiB. Default 64MiB. */
    max_bytes: size("64KiB", "64GiB").prefault("64MiB"),
    /**
     * How long a replica may serve records after its last response from the database, 500ms to 1m. Shorter outages of
     * the database are not noticed, and a revocation waits at most this long for a replica that died. With 0s, every
     * Check reads the database. Default 5s.
     */
    lease: duration("0s", "1m")
      .refine((ms) => ms === 0 || ms >= 500, "must be 0s, or 500ms to 1m")
      .prefault("5s"),
  })
  .transform(({ max_bytes, lease }) => ({ maxBytes: max_bytes, leaseMs: lease }))
  .prefault({});
