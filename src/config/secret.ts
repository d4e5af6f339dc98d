/*
 * The one rule for secrets, wherever they are read from: file, variable or configuration. A secret that a header cannot
 * hold is refused here, by the name of its setting: the libraries that send headers put what they refuse into the
 * message of their error. Commands read secrets too, so zod, which takes its time to load, is not imported here.
 */

/**
 * Cuts blanks and line ends off the end: editors, shells and mounted files put them there, and no secret ends in one.
 */
export function withoutLineEnd(secret: string): string {
  return secret.trimEnd();
}

/**
 * Says what in this secret a header (RFC 9110 section 5.5) cannot hold, without the secret; undefined when there is
 * nothing.
 */
export function headerProblem(secret: string): string | undefined {
  if (secret === "") return "must not be empty";
  if (/^[\x20-\x7e]+$/.test(secret)) return undefined;
  return "must be printable ASCII: a header holds neither line ends, other control characters nor other letters";
}
