import type { Client } from "./client.js";

/** A request to sign somebody in: authorization code with PKCE by S256 (OpenID Connect Core §3.1.2.1, RFC 7636). */
export interface AuthorizationRequest {
  readonly client: Client;
  readonly redirectUri: string;
  readonly scope: string;
  readonly state: string | undefined;
  readonly nonce: string | undefined;
  readonly codeChallenge: string;
  /** The person to offer first: an id or a name, of whom the issuer may know nothing. */
  readonly loginHint: string | undefined;
  /** How the person will have signed in: the first of `acr_values`, else `one-click`. */
  readonly acr: string;
}

export type ParsedAuthorizationRequest =
  | { readonly kind: "valid"; readonly request: AuthorizationRequest }
  /** The client is told by a redirect. */
  | {
      readonly kind: "refused";
      readonly redirectUri: string;
      readonly state: string | undefined;
      readonly error: string;
      readonly description: string;
    }
  /** Nobody knows where to redirect to: the person is told. */
  | { readonly kind: "stray"; readonly problem: string };

const prompts = ["login", "consent", "select_account"];
export const defaultAcr = "one-click";

/**
 * Parses the query of a request. Every sign-in is fresh, as the issuer keeps no session: so each `max_age` is honoured,
 * and `prompt=none` is always refused with `login_required`.
 */
export function parseAuthorizationRequest(
  clients: readonly Client[],
  query: URLSearchParams,
): ParsedAuthorizationRequest {
  const client = clients.find(({ id }) => id === query.get("client_id"));
  if (!client) return { kind: "stray", problem: "client_id names no client of this provider." };
  const redirectUri = query.get("redirect_uri");
  if (redirectUri === null || !client.redirectUris.includes(redirectUri)) {
    return { kind: "stray", problem: `redirect_uri must be ${client.redirectUris.join(" or ")}.` };
  }
  // RFC 6749 §3.1. A request with two clients or two addresses must not be answered at either.
  const repeated = [...query.keys()].find((name) => query.getAll(name).length > 1);
  if (repeated !== undefined) return { kind: "stray", problem: "A parameter of the request appears twice." };

  const text = (name: string): string | undefined => query.get(name) || undefined;
  const state = text("state");
  const refused = (error: string, description: string): ParsedAuthorizationRequest => ({
    kind: "refused",
    ...{ redirectUri, state, error, description },
  });
  if (query.has("request")) return refused("request_not_supported", "request is not supported");
  if (query.has("request_uri")) return refused("request_uri_not_supported", "request_uri is not supported");
  if (text("response_type") !== "code") return refused("unsupported_response_type", "response_type must be code");
  if ((text("response_mode") ?? "query") !== "query") return refused("invalid_request", "response_mode must be query");
  const scope = text("scope") ?? "";
  if (!scope.split(" ").includes("openid")) return refused("invalid_scope", "scope must contain openid");
  const codeChallenge = text("code_challenge") ?? "";
  if (text("code_challenge_method") !== "S256" || !/^[\w-]{43}$/.test(codeChallenge)) {
    return refused("invalid_request", "PKCE is required: code_challenge with code_challenge_method S256");
  }
  if (!/^\d{0,9}$/.test(text("max_age") ?? "")) return refused("invalid_request", "max_age must be seconds");
  const prompt = (text("prompt") ?? "").split(" ").filter((word) => word !== "");
  if (prompt.length === 1 && prompt[0] === "none") {
    return refused("login_required", "somebody must choose who signs in");
  }
  if (!prompt.every((word) => prompts.includes(word))) {
    return refused("invalid_request", `prompt must be none, or some of ${prompts.join(", ")}`);
  }
  const [acr = defaultAcr] = (text("acr_values") ?? "").split(" ").filter((word) => word !== "");
  return {
    kind: "valid",
    request: {
      client,
      redirectUri,
      scope,
      state,
      nonce: text("nonce"),
      codeChallenge,
      loginHint: text("login_hint"),
      acr,
    },
  };
}
