/** What a request shows of its bearer. */
export type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly text: string }
  /** There is something that is not to be guessed about. */
  | { readonly kind: "unreadable"; readonly why: string };

/** The values of the two headers that are read, each as often as it was sent. */
export interface CredentialHeaders {
  readonly authorization: readonly string[];
  readonly apiKey: readonly string[];
}

const unreadable = (why: string): Credential => ({ kind: "unreadable", why });

/**
 * The one credential of a request, from `Authorization: Bearer`, the password of `Authorization: Basic`, or `X-API-Key`. Shown in two places it must be
 * the same: a proxy and we might each believe another.
 */
export function credentialOf({ authorization, apiKey }: CredentialHeaders): Credential {
  if (authorization.length > 1 || apiKey.length > 1) return unreadable("a credential header was sent twice");
  const texts = new Set<string | undefined>();
  for (const value of authorization) texts.add(bearerOf(value) ?? passwordOf(value));
  for (const value of apiKey) texts.add(/^[ \t]*([\x21-\x7e]+)[ \t]*$/.exec(value)?.[1]);
  const [text] = texts;
  if (texts.size === 0) return { kind: "none" };
  if (texts.has(undefined) || text === undefined) return unreadable("a credential header cannot be read");
  return texts.size === 1 ? { kind: "one", text } : unreadable("two different credentials were sent");
}

/** RFC 6750 §2.1 and RFC 9110 §11.1: one token behind the scheme, whose case does not matter. */
function bearerOf(authorization: string): string | undefined {
  return /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t]*$/i.exec(authorization)?.[1];
}

/** RFC 7617: whatever comes behind the first colon, of any user. */
function passwordOf(authorization: string): string | undefined {
  const encoded = /^[ \t]*basic[ \t]+([A-Za-z0-9+/]+={0,2})[ \t]*$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  return /^[^:]*:([\x21-\x7e]+)$/.exec(Buffer.from(encoded, "base64").toString("latin1"))?.[1];
}

/** Of Node's `rawHeaders`: its `headers` keep only the first of several `Authorization`. */
export function credentialHeadersOf(rawHeaders: readonly string[]): CredentialHeaders {
  const authorization: string[] = [];
  const apiKey: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase();
    if (name === "authorization") authorization.push(rawHeaders[index + 1] ?? "");
    else if (name === "x-api-key") apiKey.push(rawHeaders[index + 1] ?? "");
  }
  return { authorization, apiKey };
}
