/**
 * Keys whose values are secrets whatever they look like, without case and separators: `X-API-Key` and `apiKey` are one.
 */
const secretNames = new Set([
  "authorization",
  "proxyauthorization",
  "apikey",
  "xapikey",
  "cookie",
  "setcookie",
  "token",
  "subjecttoken",
  "secret",
  "clientsecret",
  "password",
  "preshared",
  "pepper",
  "peppers",
  "servicekey",
]);

// Looser than the parser of tokens, so that cut and mistyped ones are caught too, and two that touch.
const secretShape = /([a-z][a-z0-9]{1,9}_(?:pat|oat|svc)_)[0-9A-Za-z_]{8,}/g;
// JWTs of users and of exchange; header and claims are JSON objects, and so begin alike.
const jwtShape = /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/g;
// postgres://user:password@host
const passwordInUrl = /(:\/\/[^\s:/?#@"]{0,64}:)[^\s/?#@"]{1,256}@/g;

/**
 * A line of the log, one JSON object, without the secrets in it: by name at any depth, and by shape in every text, keys
 * included. It looks at the finished line because that is the one place that nothing passes by.
 */
export function redactLine(line: string): string {
  return redactText(`${JSON.stringify(JSON.parse(line, hideNamed))}\n`);
}

/** The same by shape, for text that is no log line. */
export function redactText(text: string): string {
  return text.replace(secretShape, "$1***").replace(jwtShape, "eyJ***").replace(passwordInUrl, "$1***@");
}

function hideNamed(name: string, value: unknown): unknown {
  return secretNames.has(name.toLowerCase().replaceAll(/[-_.]/g, "")) && value !== null ? "***" : value;
}
