/*
 * The rules for all secrets, from files, variables and the configuration. A secret that a header cannot contain is
 * refused here, with the name of its setting: libraries that send headers would put the secret into the message of
 * their error. Commands use this file too, so zod, which is slow to load, is not imported here.
 */

/** Removes blanks and line ends at the end: editors, shells and mounted files add them, and no secret ends in one. */
export function withoutLineEnd(secret: string): string {
  return secret.trimEnd();
}

/**
 * Returns why a header (RFC 9110 section 5.5) cannot contain this secret, without the secret, or undefined when it can.
 */
export function headerProblem(secret: string): string | undefined {
  if (secret === "") return "must not be empty";
  if (/^[\x20-\x7e]+$/.test(secret)) return undefined;
  return "must be printable ASCII: a header cannot contain line ends, other control characters or other letters";
}
