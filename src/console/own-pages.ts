/** Returns a header of a request by its lower-case name. */
export type HeaderOf = (name: string) => string | undefined;

/**
 * Returns whether a POST request comes from the console's own pages. Only then a cookie counts. A browser tells by
 * `sec-fetch-site`, which no page can write, else by `origin`. `connect-protocol-version` is a header that a page of
 * another origin cannot send without a preflight, which this port does not answer.
 */
export function isFromOwnPages(header: HeaderOf, publicUrl: string): boolean {
  const site = header("sec-fetch-site");
  const same = site === undefined ? header("origin") === publicUrl : site === "same-origin";
  return same && header("connect-protocol-version") === "1";
}

/** Returns whether a browser loads this as the page of a tab: no frame, image or script may start or end a sign-in. */
export function isNavigation(header: HeaderOf): boolean {
  const to = header("sec-fetch-dest");
  return to === undefined || to === "document";
}
