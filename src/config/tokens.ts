import { z } from "zod";
import type { Pepper } from "../domain/pepper.js";
import { text } from "./common-values.js";
import { lifetime } from "./duration.js";
import { allDifferent, isList } from "./lists.js";

export const defaultBrand = "pw";

const pepperKey = text.transform((base64, context) => {
  const bytes = Buffer.from(base64, "base64");
  // Buffer ignores characters that are not base64; if the text comes out the same, there were none.
  if (bytes.length >= 32 && bytes.toString("base64") === base64) return bytes;
  context.addIssue("must be base64 of at least 32 bytes, such as `patwarden keys pepper` prints");
  return z.NEVER;
});

/** Settings of new tokens and secrets. */
export const tokens = z
  .object({
    /**
     * First part of every secret, as in `pw_pat_…`; 2 to 10 of a-z and 0-9. A change makes all earlier secrets
     * malformed. Default `pw`.
     */
    brand: text
      .regex(/^[a-z][a-z0-9]{1,9}$/, "must be 2 to 10 of a-z 0-9, beginning with a letter")
      .default(defaultBrand),
    /** Lifetime of tokens that are created without one, 1s to 10y. Default 90d. */
    default_lifetime: lifetime.prefault("90d"),
    /**
     * Keys of the hashes of stored secrets. New secrets use the active pepper. The others are needed to recognize the
     * secrets that were created with them. Required, with exactly one active entry.
     */
    peppers: z
      .array(
        z.object({
          /** 1 to 32,767. Never use a version again for another key. */
          version: z.int().min(1).max(32_767),
          /** Base64 of at least 32 random bytes. */
          key: pepperKey.meta({ secret: true }),
          /** Whether new secrets use this pepper. Default `false`. */
          active: z.boolean().default(false),
        }),
        {
          error: ({ input }) =>
            input === undefined ? "is required: a list with one key, which `patwarden keys pepper` creates" : undefined,
        },
      )
      .refine(...allDifferent("version"))
      .refine((peppers) => peppers.filter((pepper) => Object(pepper).active === true).length === 1, {
        error: "must have exactly one active entry",
        when: isList,
      }),
  })
  .transform(({ brand, default_lifetime, peppers }) => ({
    brand,
    defaultLifetimeMs: default_lifetime,
    peppers: peppers as readonly Pepper[],
  }));
