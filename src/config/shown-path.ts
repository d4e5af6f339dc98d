import { resolve } from "node:path";

/**
 * Matches a part of a path that cannot be a part of a key: base64 has none of `-_.`, and a part of it is hardly ever
 * only lower-case letters and digits. Base64url has these characters, but no slash.
 */
const part = "(?:[A-Z]?[a-z0-9]+|\\w*[-_.][\\w.-]*)";
const plainPath = new RegExp(`^(?:\\.{0,2}/)?${part}(?:/${part})*$`);
const fileEnding = /^[\w-]+\.(?:pem|key|crt|cer|txt|ya?ml|json|env|secret)$/;

/**
 * Returns the whole path of a file for an error, or undefined for a text that may be a secret, given by mistake instead
 * of the name of its file.
 */
export function shownPath(file: string): string | undefined {
  const shown = file.includes("/") ? plainPath : fileEnding;
  return shown.test(file) ? resolve(file) : undefined;
}
