import { z } from "zod";
import { headerProblem } from "./secret.js";

/** A secret that is sent in a header. */
export const headerSecret = z.string().superRefine((secret, context) => {
  const problem = headerProblem(secret);
  if (problem !== undefined) context.addIssue(problem);
});
