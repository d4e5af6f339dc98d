/** Keys whose values are always secrets, compared without case and separators: `API-Key` and `apiKey` are the same. */
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

// Looser than the parser of tokens, to catch cut and mistyped tokens too, and two tokens without a space between them.
const secretShape = /([a-z][a-z0-9]{1,9}_(?:pat|oat|svc)_)[0-9A-Za-z_]{8,}/g;
// JWTs of users and of token exchange. Header and claims are JSON objects, so both begin with `eyJ`.
const jwtShape = /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/g;
// postgres://user:password@host
const passwordInUrl = /(:\/\/[^\s:/?#@"]{0,64}:)[^\s/?#@"]{1,256}@/g;

/**
 * Returns a log line, one JSON object, without the secrets in it: by name at any depth, and by shape in every text,
 * including keys. It works on the finished line, because every log entry passes through there.
 */
export function redactLine(line: string): string {
  return redactText(`${JSON.stringify(JSON.parse(line, hideNamed))}\n`);
}

/** Hides secrets by shape, in text that is not a log line. */
export function redactText(text: string): string {
  return text.replace(secretShape, "$1***").replace(jwtShape, "eyJ***").replace(passwordInUrl, "$1***@");
}

function hideNamed(name: string, value: unknown): unknown {
  return secretNames.has(name.toLowerCase().replaceAll(/[-_.]/g, "")) && value !== null ? "***" : value;
}
