import { createHash, timingSafeEqual } from "node:crypto";
import { OAuthError } from "../../../integrations/oauth/form.js";

/** A client of the issuer, which must prove itself by its secret. */
export interface Client {
  readonly id: string;
  readonly secret: string;
  /** Shown to the person who signs in. */
  readonly name: string;
  /** Where codes may be sent, compared as text. */
  readonly redirectUris: readonly string[];
  /** Where a browser may be sent after a sign-out, compared as text. */
  readonly signedOutUris: readonly string[];
}

/**
 * Returns the client of a request for tokens, known by `client_secret_basic` or `client_secret_post` (OpenID Connect
 * Core §9). Throws `invalid_client`.
 */
export function authenticateClient(
  clients: readonly Client[],
  authorization: string | undefined,
  form: ReadonlyMap<string, string>,
): Client {
  const { id, secret } = basicCredential(authorization) ?? {
    id: form.get("client_id"),
    secret: form.get("client_secret"),
  };
  const client = clients.find((each) => each.id === id);
  if (!client || secret === undefined || !sameText(client.secret, secret)) {
    throw new OAuthError(401, "invalid_client", "client and secret do not match");
  }
  return client;
}

/** Reads `Basic`: id and secret are each form-encoded first (RFC 6749 §2.3.1). */
function basicCredential(authorization = ""): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^basic +([\w+/=-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const [id = "", secret = ""] = Buffer.from(encoded, "base64")
    .toString()
    .split(":", 2)
    .map((part) => new URLSearchParams(`value=${part}`).get("value") ?? "");
  return { id, secret };
}

function sameText(expected: string, given: string): boolean {
  const [a, b] = [expected, given].map((text) => createHash("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}
