/**
 * The longest header value that is read as a credential. Keys and tokens are far shorter. Access tokens of issuers that
 * list groups and roles come close (keycloak#13956); longer values would only cost hashing.
 */
export const maxCredentialHeader = 16_384;

// RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, which is case-insensitive. Spaces around the token and
// line ends after it come from files and shells and are not part of the key (TX-1). A second token, or a second
// credential on its own line, is refused (TX-2).
const bearer = /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t\r\n]*$/i;

/** Returns the credential of an `authorization` header, or undefined when it holds none or more than one. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > maxCredentialHeader) return undefined;
  return bearer.exec(authorization)?.[1];
}
