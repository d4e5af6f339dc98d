import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload } from "jose";
import { clientsOf, type IssuerConfig, type TokenRefusal } from "./access-token.js";

/** Header and claims of a JWT, not verified. */
export interface DecodedJwt {
  readonly header: JWTHeaderParameters;
  readonly claims: JWTPayload;
}

/** Decodes a JWT without verifying it. Returns undefined for text that is not a JWT. */
export function decodeAccessToken(token: string): DecodedJwt | undefined {
  try {
    // The type of jose has no `alg`. The functions here check its value before they use it.
    return { header: decodeProtectedHeader(token) as JWTHeaderParameters, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

/**
 * Returns what the token has and what its issuer's configuration expects, or undefined for a refusal that does not
 * depend on both. The text contains claims: it is for the terminal of an operator who has the token, never for a log.
 */
export function explainRefusal(
  reason: TokenRefusal,
  { header, claims }: DecodedJwt,
  issuers: readonly IssuerConfig[],
  now: Date,
): string | undefined {
  const issuer = issuers.find((each) => each.issuer === claims.iss);
  if (!issuer) {
    return reason === "unknown_issuer"
      ? difference("iss", claims.iss, list(issuers.map((each) => each.issuer)))
      : undefined;
  }
  switch (reason) {
    case "algorithm_not_allowed":
      return difference("alg", header.alg, list(issuer.algorithms));
    case "type_not_allowed":
      return difference("typ", header.typ, list(issuer.types));
    case "other_audience": {
      const claim = issuer.audienceClaim;
      const names = claim === "aud" ? "audience" : `audience (${claim})`;
      return difference(names, claims[claim] ?? claims.aud, list(issuer.audiences));
    }
    case "not_an_access_token":
      return [
        `required_claims: expected ${shown(issuer.requiredClaims)}`,
        ...["typ", "token_use", "tokenType"].map((claim) => `${claim}: got ${shown(claims[claim])}`),
      ].join("; ");
    case "claims_missing":
      return `exp, iat, sub: got ${[claims.exp, claims.iat, claims.sub].map(shown).join(", ")}`;
    case "expired":
      return `exp: got ${instant(claims.exp)}; the time is ${instant(now.getTime() / 1000)}`;
    case "not_yet_valid":
      return `iat ${instant(claims.iat)}, nbf ${instant(claims.nbf)}; now: ${instant(now.getTime() / 1000)}`;
    case "lives_too_long":
      return `lifetime: ${Number(claims.exp) - Number(claims.iat)} s; max_lifetime is ${issuer.maxLifetimeMs / 1000} s`;
    case "client_not_allowed":
      return difference("client", clientOf(claims), list(issuer.clients));
    case "of_a_machine":
      return `sub: got ${shown(claims.sub)}; client: got ${shown(clientOf(claims))}; gty: got ${shown(claims["gty"])}`;
    case "scope_missing":
      return difference(
        "scope",
        claims["scope"] ?? claims["scp"],
        issuer.requiredScopes.map((scope) => shown(scope)).join(" and "),
      );
    case "no_usable_subject":
      return `the issuer's subject is ${shown(issuer.subject)}; sub: got ${shown(claims.sub)}`;
    case "unknown_key":
      return `kid: got ${shown(header.kid)}, which the issuer does not publish`;
    default:
      return undefined;
  }
}

/** Returns the client, or a list when the token names several. */
function clientOf(claims: JWTPayload): unknown {
  const clients = [...new Set(clientsOf(claims))];
  return clients.length > 1 ? clients : clients[0];
}

function difference(what: string, got: unknown, expected: string): string {
  return `${what}: got ${shown(got)}, expected ${expected}`;
}

function list(values: readonly string[]): string {
  return values.map((value) => shown(value)).join(" or ") || "nothing (none is configured)";
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** Writes a NumericDate of RFC 7519. */
function instant(seconds: number | undefined): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? shown(seconds) : date.toISOString();
}
