import type { JWTHeaderParameters, JWTPayload } from "jose";
import { harmlessText } from "../../domain/text.js";
import type { SignIn, StepUp } from "../caller.js";

/** Signature algorithms that can be configured. Never HS256 and the like: their secret could be a public key. */
export const oidcAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

export type OidcAlgorithm = (typeof oidcAlgorithms)[number];

/** An OpenID provider whose access tokens prove users. */
export interface IssuerConfig {
  /** The exact `iss`, with or without a slash at its end; https, or http on loopback. */
  readonly issuer: string;
  /** One of them must be in `audienceClaim`, and in `aud` if the token has it. Never empty. */
  readonly audiences: readonly string[];
  /** The claim with the audience: `aud`, or another one for issuers that omit `aud`. */
  readonly audienceClaim: string;
  /** Claims, with their values or `*` for any, that the issuer's access tokens have and its other tokens do not. */
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** Whether access tokens may have a `nonce`. Usually only ID tokens have one. */
  readonly allowNonce: boolean;
  /** Template of the user's id, `{sub}`; see subject-template.ts. */
  readonly subject: string;
  readonly algorithms: readonly OidcAlgorithm[];
  /** Scopes that must all be in `scope` or `scp`. */
  readonly requiredScopes: readonly string[];
  /** The only clients whose tokens are accepted. Empty: any. */
  readonly clients: readonly string[];
  /**
   * Accepted `typ` of the header, lower case and without `application/`: `at+jwt` of RFC 9068, or `jwt` for issuers
   * that write `JWT` or no `typ` (RFC 7519 §5.1).
   */
  readonly types: readonly string[];
  /** The claim that makes a user an administrator: its value is `value` or a list with it. Absent: nobody is one. */
  readonly admin?: { readonly claim: string; readonly value: string };
  /** How long fetched keys are current. A key that the issuer has removed stays trusted for up to this long. */
  readonly cacheMaxAgeMs: number;
  /** Longest lifetime of a token, `exp` minus `iat`. */
  readonly maxLifetimeMs: number;
  /** The sign-in that calls which give more power need. Absent: any. */
  readonly stepUp?: StepUp;
}

/** Why a token was refused, in words for operators. The texts contain no part of the token. */
export const tokenRefusals = {
  too_long: "the token is too long",
  not_a_signed_jwt:
    "not a signed JWT: an unknown service key or Patwarden token, or an opaque access token, which some issuers send when no audience is requested",
  unknown_issuer: "its iss does not exactly match any configured issuer; check the slash at the end",
  algorithm_not_allowed: "its alg is not in the issuer's algorithms",
  type_not_allowed: "the typ of its header is not in the issuer's types; a token without typ counts as JWT",
  not_an_access_token: "it is an ID token or another kind of token, or one of required_claims is missing",
  has_a_nonce: "it has a nonce, like an ID token; if the issuer's access tokens have one too, set allow_nonce",
  bound_to_a_key: "it is bound to a key of its client (cnf), which is not supported",
  other_audience: "its audience (audience_claim or aud) is not in the issuer's audiences",
  claims_missing: "exp, iat or sub is missing or of the wrong type",
  expired: "it has expired",
  not_yet_valid: "its iat or nbf is in the future",
  lives_too_long: "its lifetime is longer than the issuer's max_lifetime",
  of_a_machine: "it belongs to a client, not to a user",
  client_not_allowed: "its client is not in the issuer's clients",
  scope_missing: "one of required_scopes is missing",
  no_usable_subject: "the issuer's subject template gives no valid user id with its claims",
  unknown_key: "the issuer publishes no key with its kid",
  unusable_key: "the issuer's key cannot be used: it is too short or malformed",
  bad_signature: "its signature does not match the issuer's key",
} as const;

export type TokenRefusal = keyof typeof tokenRefusals;

/** The largest accepted difference between our clock and the issuer's, milliseconds. */
export const maxSkewMs = 60_000;

/**
 * Returns why a header is refused, before its key is looked up. `jku`, `x5u`, `jwk` and `x5c` are ignored, here and by
 * jose.
 */
export function headerRefusal({ alg, typ }: JWTHeaderParameters, issuer: IssuerConfig): TokenRefusal | undefined {
  if (!issuer.algorithms.some((allowed) => allowed === alg)) return "algorithm_not_allowed";
  // RFC 7515 §4.1.9: case does not matter, and the prefix may be omitted.
  const type = typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : undefined;
  return issuer.types.includes(typ === undefined ? "jwt" : (type ?? "")) ? undefined : "type_not_allowed";
}

/** Returns why the claims of a token of this issuer are refused at this time. */
export function claimsRefusal(claims: JWTPayload, issuer: IssuerConfig, now: Date): TokenRefusal | undefined {
  if (!isAccessToken(claims, issuer)) return "not_an_access_token";
  if (claims["nonce"] !== undefined && !issuer.allowNonce) return "has_a_nonce";
  // RFC 9449 §6, RFC 8705 §3: such a token needs a proof of its key. Without the proof it may be stolen.
  if (claims["cnf"] !== undefined) return "bound_to_a_key";
  if (!isForUs(claims, issuer)) return "other_audience";
  return timeRefusal(claims, issuer, now) ?? holderRefusal(claims, issuer);
}

function timeRefusal(claims: JWTPayload, issuer: IssuerConfig, now: Date): TokenRefusal | undefined {
  const { exp, iat, nbf, sub } = claims;
  // JSON can hold numbers that are too large for JavaScript: they are parsed as Infinity.
  const optional = [exp, iat, nbf ?? 0];
  if (
    !optional.every(Number.isFinite) ||
    exp === undefined ||
    iat === undefined ||
    typeof sub !== "string" ||
    sub === ""
  ) {
    return "claims_missing";
  }
  const nowMs = now.getTime();
  if (exp * 1000 + maxSkewMs <= nowMs) return "expired";
  if (Math.max(iat, nbf ?? iat) * 1000 > nowMs + maxSkewMs) return "not_yet_valid";
  return (exp - iat) * 1000 > issuer.maxLifetimeMs ? "lives_too_long" : undefined;
}

function holderRefusal(claims: JWTPayload, issuer: IssuerConfig): TokenRefusal | undefined {
  const clients = clientsOf(claims);
  if (isMachine(claims, clients)) return "of_a_machine";
  if (
    issuer.clients.length > 0 &&
    !(clients.length > 0 && clients.every((client) => issuer.clients.includes(client)))
  ) {
    return "client_not_allowed";
  }
  const scopes = [claims["scope"], claims["scp"]].flatMap(textsIn).flatMap((scope) => scope.split(" "));
  return issuer.requiredScopes.every((scope) => scopes.includes(scope)) ? undefined : "scope_missing";
}

/** Returns the clients that a token names. RFC 9068, OpenID Connect, Okta and Microsoft use different claims for it. */
export function clientsOf(claims: JWTPayload): readonly string[] {
  return ["client_id", "azp", "cid", "appid"].flatMap((claim) => textsIn(claims[claim]));
}

/** Returns whether the audience matches. If the token has `aud`, it must match even if another claim is configured. */
function isForUs(claims: JWTPayload, { audiences, audienceClaim }: IssuerConfig): boolean {
  const looked = claims.aud === undefined ? [audienceClaim] : [audienceClaim, "aud"];
  return looked.every((claim) => textsIn(claims[claim]).some((audience) => audiences.includes(audience)));
}

/**
 * Returns whether the claims are those of an access token. When `typ` of the header is only `JWT`, ID and logout tokens
 * are recognized by claims that only they have, or by claims of the issuer.
 */
function isAccessToken(claims: JWTPayload, { requiredClaims }: IssuerConfig): boolean {
  if (["at_hash", "c_hash", "s_hash", "events"].some((claim) => claims[claim] !== undefined)) return false;
  const { typ, token_use: use, tokenType: type } = claims; // Keycloak, Cognito, Casdoor
  const marked =
    (typ === undefined || typ === "Bearer") &&
    (use === undefined || use === "access") &&
    (type === undefined || type === "access-token");
  return marked && Object.entries(requiredClaims).every(([claim, value]) => hasValue(claims[claim], value));
}

function hasValue(claim: unknown, wanted: string): boolean {
  if (wanted === "*") return claim !== undefined && claim !== null && claim !== "";
  return typeof claim === "number" || typeof claim === "boolean"
    ? String(claim) === wanted
    : textsIn(claim).includes(wanted);
}

/** Returns whether a client calls for itself. RFC 9068 §5: its `sub` must not be taken for a user's. */
function isMachine(claims: JWTPayload, clients: readonly string[]): boolean {
  const sub = claims.sub ?? "";
  return (
    textsIn(claims["gty"]).some((grant) => /^client[-_]credentials$/.test(grant)) || // Auth0, FusionAuth
    sub.endsWith("@clients") || // Auth0
    clients.includes(sub) ||
    claims["idtyp"] === "app" || // Microsoft, if this optional claim is configured
    // Microsoft: `oid` and `sub` of an application are equal; the `sub` of a user differs for each application.
    (claims["oid"] !== undefined && claims["oid"] === sub && claims["scp"] === undefined) ||
    textsIn(claims["preferred_username"]).some((name) => name.startsWith("service-account-")) // Keycloak
  );
}

/** Returns whether the issuer says that this user administers the deployment. */
export function isAdmin(claims: JWTPayload, { admin }: IssuerConfig): boolean {
  return admin !== undefined && textsIn(claims[admin.claim]).includes(admin.value);
}

const maxDisplayName = 200;

/**
 * Returns how and when the user signed in. `iat` is no substitute for `auth_time`: a token that was refreshed has a new
 * one. A claim of the wrong type counts as absent.
 */
export function signInOf(claims: JWTPayload, { stepUp }: IssuerConfig): SignIn {
  const { auth_time: authSeconds, acr, name, exp = 0 } = claims; // verification requires `exp`
  const authTime = typeof authSeconds === "number" ? new Date(authSeconds * 1000) : undefined;
  const displayName = typeof name === "string" ? harmlessText(name, maxDisplayName) : "";
  return {
    ...(authTime && !Number.isNaN(authTime.getTime()) && { authTime }),
    ...(typeof acr === "string" && acr !== "" && { acr }),
    ...(displayName !== "" && { displayName }),
    endTime: new Date(exp * 1000),
    ...(stepUp && { stepUp }),
  };
}

/** Returns the texts of a claim that is a text or a list of texts. */
function textsIn(claim: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.filter((value) => typeof value === "string");
}
