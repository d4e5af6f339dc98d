import { z } from "zod";
import { parseGrant } from "../domain/grant.js";

/** A grant, written as in CreateToken: `full: true`, or `rules`. */
export const grant = z
  .object({
    full: z.boolean().default(false),
    rules: z.array(z.object({ actions: z.array(z.string()), resources: z.array(z.string()) })).default([]),
  })
  .transform((value, context) => {
    const parsed = parseGrant(value);
    if (parsed.ok) return parsed.grant;
    for (const { field, description } of parsed.violations) {
      context.addIssue({ code: "custom", message: description, path: field === "" ? [] : [field] });
    }
    return z.NEVER;
  });
