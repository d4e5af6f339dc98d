import { resolve } from "node:path";

/**
 * Parts of which no key is made: base64 has none of `-_.`, and hardly ever small letters alone. What has such signs as
 * base64url has no slash.
 */
const part = "(?:[A-Z]?[a-z0-9]+|\\w*[-_.][\\w.-]*)";
const plainPath = new RegExp(`^(?:\\.{0,2}/)?${part}(?:/${part})*$`);
const fileEnding = /^[\w-]+\.(?:pem|key|crt|cer|txt|ya?ml|json|env|secret)$/;

/**
 * Returns the whole path of a file for an error, or undefined for what may be a secret that was given in place of its
 * file.
 */
export function shownPath(file: string): string | undefined {
  const shown = file.includes("/") ? plainPath : fileEnding;
  return shown.test(file) ? resolve(file) : undefined;
}
