/** The credential in a request. */
export type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly text: string }
  /** Unreadable, or several: it would be for an attacker to say which one counts. */
  | { readonly kind: "unreadable" };

/** The values of the two headers that are read, each as often as it was sent. */
export interface CredentialHeaders {
  readonly authorization: readonly string[];
  readonly apiKey: readonly string[];
}

/**
 * Returns the one credential of a request, from `Authorization: Bearer`, the password of `Authorization: Basic`, or
 * `X-API-Key`. If it was sent in two places it must be the same: a proxy may believe one and we the other.
 */
export function credentialOf({ authorization, apiKey }: CredentialHeaders): Credential {
  if (authorization.length > 1 || apiKey.length > 1) return { kind: "unreadable" };
  const texts = new Set<string | undefined>();
  for (const value of authorization) texts.add(bearerOf(value) ?? passwordOf(value));
  for (const value of apiKey) texts.add(/^[ \t]*([\x21-\x7e]+)[ \t]*$/.exec(value)?.[1]);
  const [text] = texts;
  if (texts.size === 0) return { kind: "none" };
  return texts.size === 1 && text !== undefined ? { kind: "one", text } : { kind: "unreadable" };
}

/** RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, in any case. */
function bearerOf(authorization: string): string | undefined {
  return /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t]*$/i.exec(authorization)?.[1];
}

/** RFC 7617: the password is all that follows the first colon, with any user. */
function passwordOf(authorization: string): string | undefined {
  const encoded = /^[ \t]*basic[ \t]+([A-Za-z0-9+/]+={0,2})[ \t]*$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  return /^[^:]*:([\x21-\x7e]+)$/.exec(Buffer.from(encoded, "base64").toString("latin1"))?.[1];
}

/** Reads Node's `rawHeaders`, because `headers` keeps only the first of several `Authorization`. */
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
