import { z } from "zod";
import { hostPortForm, parseHostPort } from "../domain/host-port.js";
import type { ActionName } from "../domain/identifier.js";
import { isConfidential, parseCidr } from "../domain/network.js";
import { atMost } from "./lists.js";

/*
 * Kinds of values that several sections use. Problems say what is expected and never repeat the value: it may be a
 * secret in the wrong place.
 */

/** Accepts text. A value that is not text, such as a number without its unit, gets the given problem. */
export function textOf(problem: string) {
  return z.string({ error: ({ input }) => (input === undefined ? undefined : problem) });
}

export const text = z.string().min(1, "must not be empty");

export const hostPort = textOf(hostPortForm).transform((value, context) => {
  const parsed = parseHostPort(value);
  if (parsed.ok) return parsed.value;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

/** The URL of an issuer, unchanged: `iss` of a token must be exactly equal, including a slash at the end. */
export const issuerUrl = text.refine(
  (value) => {
    // URLs with a blank, a query or an empty part are not issuers by OpenID Connect Discovery section 3.
    if (!/^https?:\/\/[^\s?#@]+$/.test(value) || !URL.canParse(value)) return false;
    return isConfidential(new URL(value));
  },
  { error: "must be an https: URL without query, or http: on loopback" },
);

/** `aud` of a JWT that Patwarden makes: a name or an absolute URI. */
export const audience = text.regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 visible ASCII characters");

export const relationName = text
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,49}$/, "must be a relation of the authorization model")
  .transform((name) => name as ActionName); // the pattern allows nothing else

/** A CIDR range, `10.0.0.0/8`, in its canonical text. */
const addressRange = text.transform((value, context) => {
  const parsed = parseCidr(value);
  if (parsed.ok) return parsed.value;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

/**
 * CIDR ranges that contain only reverse proxies, 0 to 100: an address in them is never taken for a client's. Default
 * none.
 */
export const trustedProxies = z
  .array(addressRange)
  .refine(...atMost(100))
  .prefault([]);
