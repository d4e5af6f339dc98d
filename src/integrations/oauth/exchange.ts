import type { ServiceCaller } from "../../callers/caller.js";
import type { Exchanged, ExchangeRequest } from "../../exchange/exchange-token.js";
import { invalidRequest, OAuthError, required } from "./form.js";

/** Token exchange, when it is enabled. */
export interface TokenExchange {
  /** Throws ExchangeRefused, or a Failure when nothing could be decided. */
  readonly exchange: (caller: ServiceCaller, request: ExchangeRequest) => Promise<Exchanged>;
  /** Returns the keys that verify JWTs, a JWK set (RFC 7517 §5). */
  readonly publishedKeys: () => Promise<object>;
  /** Returns whether a text is a JWT that was made here. */
  readonly made: (text: string) => Promise<boolean>;
}

export const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

const accessToken = "urn:ietf:params:oauth:token-type:access_token";
const jwt = "urn:ietf:params:oauth:token-type:jwt";

/** Parameters that may be repeated (RFC 8693 §2.1): the request is well-formed, but has more than one target. */
const targetNames = ["audience", "resource"];

export function repeatedInExchange(name: string): OAuthError | undefined {
  return targetNames.includes(name)
    ? new OAuthError(400, "invalid_target", "only one audience or resource is allowed in a request")
    : undefined;
}

/** Parses a token exchange request (RFC 8693 §2.1). Throws an OAuthError. */
export function parseExchange(parameters: ReadonlyMap<string, string>): ExchangeRequest & { readonly type: string } {
  if (required(parameters, "grant_type") !== exchangeGrant)
    throw new OAuthError(400, "unsupported_grant_type", "the grant type must be token exchange");
  if (parameters.has("actor_token") || parameters.has("actor_token_type"))
    throw invalidRequest("actor_token is not supported");
  const secret = required(parameters, "subject_token");
  if (required(parameters, "subject_token_type") !== accessToken)
    throw invalidRequest(`subject_token_type must be ${accessToken}`);
  const type = parameters.get("requested_token_type") || accessToken;
  if (type !== accessToken && type !== jwt)
    throw invalidRequest(`requested_token_type must be ${accessToken} or ${jwt}`);
  // A parameter without a value counts as not sent (RFC 6749 §3.2).
  const targets = targetNames.flatMap((name) => parameters.get(name) || []);
  return { secret, targets, scope: parameters.get("scope") || undefined, type };
}

/** Returns the reply (RFC 8693 §2.2.1). It has the scope unless that equals the requested scope exactly. */
export function exchangeAnswer(
  { jwt: token, scope, expiresIn }: Exchanged,
  { scope: requested, type }: ReturnType<typeof parseExchange>,
): object {
  return {
    access_token: token,
    issued_token_type: type,
    token_type: "Bearer",
    expires_in: expiresIn,
    ...(scope !== requested && { scope }),
  };
}
