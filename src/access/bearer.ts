/** Room for an access token of an issuer; Node takes 16 KiB of headers together. */
const maxHeaderLength = 12_288;

// RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, whose case does not matter. Blanks around and line ends after it come from
// files and shells and are no part of a key (TX-1); a second token, or a second credential on a line of its own, is refused (TX-2).
const bearer = /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t\r\n]*$/i;

/** The one credential of an `authorization` header, or undefined for a header that holds none or more. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > maxHeaderLength) return undefined;
  return bearer.exec(authorization)?.[1];
}
