import { maxCredentialHeader } from "../../domain/bearer.js";
import type { RawHeaders } from "./raw-headers.js";

/** The credential of a request: none, exactly one, or more than one, which two readers may interpret differently. */
export type ShownCredential =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly text: string }
  | { readonly kind: "ambiguous" };

export interface CredentialOptions {
  /**
   * Whether the password of Basic is a credential too, with any user name, for clients that cannot send anything else.
   */
  readonly basic: boolean;
}

// RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, which is case-insensitive.
const scheme = /^[ \t]*(bearer|basic)[ \t]+([\x21-\x7e]+)[ \t]*$/i;
const schemeOnly = /^[ \t]*(?:bearer|basic)(?:[ \t]|$)/i;

/**
 * Reads the credential of `authorization` (Bearer, and Basic where it is enabled) and `x-api-key`. Proxies join
 * repeated headers with a comma, and no credential of ours contains one, so a comma is ambiguous. A credential in the
 * query or path is never read.
 */
export function readCredential(headers: RawHeaders, { basic }: CredentialOptions): ShownCredential {
  const shown: string[] = [];
  let odd = false;
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    if (name !== "authorization" && name !== "x-api-key") continue;
    // Also when one of them is empty: another reader may use either of them.
    if (seen.has(name) || value.length > maxCredentialHeader) return { kind: "ambiguous" };
    seen.add(name);
    const read = name === "x-api-key" ? readKey(value) : readAuthorization(value, basic);
    if (read === "odd") odd = true;
    else if (read !== undefined) shown.push(read);
  }
  const [text] = shown;
  if (odd || shown.length > 1) return { kind: "ambiguous" };
  return text === undefined ? { kind: "none" } : { kind: "one", text };
}

function readKey(value: string): string | "odd" | undefined {
  const text = value.trim();
  if (text === "") return undefined;
  return /^[\x21-\x2b\x2d-\x7e]+$/.test(text) ? text : "odd";
}

/** Returns undefined when the header has no such credential, for example another scheme. */
function readAuthorization(value: string, basic: boolean): string | "odd" | undefined {
  const [, name, text] = scheme.exec(value) ?? [];
  if (name === undefined || text === undefined)
    return schemeOnly.test(value) && value.includes(",") ? "odd" : undefined;
  if (name.toLowerCase() === "bearer") return text.includes(",") ? "odd" : text;
  return basic ? passwordOf(text) : undefined;
}

/** Returns the password of Basic (RFC 7617 §2). */
function passwordOf(base64: string): string | "odd" | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return "odd";
  const pair = Buffer.from(base64, "base64").toString("latin1");
  const colon = pair.indexOf(":");
  if (colon < 0) return "odd";
  const password = pair.slice(colon + 1);
  return password === "" ? undefined : /^[\x21-\x7e]+$/.test(password) ? password : "odd";
}
