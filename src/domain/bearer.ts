/**
 * The longest header value that is looked at for a credential. Keys and tokens are far shorter; access tokens of
 * issuers that list groups and roles come near (keycloak#13956), and longer ones would only cost hashing.
 */
export const maxCredentialHeader = 16_384;

// RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, whose case does not matter. Blanks around and line ends
// after it come from files and shells and are no part of a key (TX-1); a second token, or a second credential on a line
// of its own, is refused (TX-2).
const bearer = /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t\r\n]*$/i;

/** The one credential of an `authorization` header, or undefined for a header that holds none or more. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > maxCredentialHeader) return undefined;
  return bearer.exec(authorization)?.[1];
}
