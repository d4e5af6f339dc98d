import { type RawHeaders, theOnly } from "./raw-headers.js";

/**
 * Returns the method that a browser asks about with a CORS preflight (Fetch, section 4.8): OPTIONS with one `Origin`
 * and one `Access-Control-Request-Method`. Returns undefined when the request is not a preflight.
 */
export function preflightFor(method: string, headers: RawHeaders): string | undefined {
  if (method !== "OPTIONS" || theOnly(headers, "origin") === undefined) return undefined;
  const wanted = theOnly(headers, "access-control-request-method");
  return wanted !== undefined && /^[A-Z]{1,20}$/.test(wanted) ? wanted : undefined;
}
