import type { JWTHeaderParameters, JWTPayload } from "jose";

/** Signature algorithms that an issuer may be trusted with. Never one that a public key would be the secret of. */
export const oidcAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

export type OidcAlgorithm = (typeof oidcAlgorithms)[number];

/** An OpenID provider whose access tokens prove users. */
export interface IssuerConfig {
  /** `iss` to the letter, with or without the slash at its end; https, or http on loopback. */
  readonly issuer: string;
  /** One of them must be an entry of `audienceClaim`, and of `aud` where that is there; never empty. */
  readonly audiences: readonly string[];
  /** `aud`, or what names whom a token is for where an issuer leaves that out. */
  readonly audienceClaim: string;
  /** What access tokens have and the issuer's other tokens lack: claims and their values, `*` for any. */
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** Whether `nonce`, which else only ID tokens have, may be there. */
  readonly allowNonce: boolean;
  /** Template of the user's id, `{sub}`; see subject-template.ts. */
  readonly subject: string;
  readonly algorithms: readonly OidcAlgorithm[];
  /** Each must be in `scope` or `scp`. */
  readonly requiredScopes: readonly string[];
  /** The only clients whose tokens are taken. Empty: any. */
  readonly clients: readonly string[];
  /**
   * Accepted `typ` of the header, lower case and without `application/`: `at+jwt` of RFC 9068, `jwt` for issuers that
   * say no more, or nothing at all (RFC 7519 §5.1).
   */
  readonly types: readonly string[];
  /** Tokens whose claim is this value, or a list with it, are an administrator's. Absent: none is. */
  readonly admin?: { readonly claim: string; readonly value: string };
  /** How long fetched keys are current. A key that the issuer has removed is trusted for as long. */
  readonly cacheMaxAgeMs: number;
  /** Longest lifetime of a token, `exp` less `iat`. */
  readonly maxLifetimeMs: number;
}

/** Why a token was refused, in words for operators. Holds nothing of the token. */
export const tokenRefusals = {
  too_long: "it is longer than is looked at",
  not_a_signed_jwt:
    "it is no signed JWT: a service key or Patwarden token that is not known here, or an opaque access token, as some issuers give without an audience",
  unknown_issuer: "its iss is to the letter none of the issuers; mind the slash at the end",
  algorithm_not_allowed: "its alg is none of the issuer's algorithms",
  type_not_allowed: "its header's typ is none of the issuer's types; JWT stands for one without typ, too",
  not_an_access_token: "it is an ID token or another of the issuer's tokens, or lacks one of required_claims",
  has_a_nonce: "it has a nonce, as ID tokens do; where the issuer's access tokens have one too, set allow_nonce",
  bound_to_a_key: "it is bound to a key of its client (cnf)",
  other_audience: "its audience_claim names none of the issuer's audiences",
  claims_missing: "it has no exp, iat or sub, or not of the right kind",
  expired: "it has expired",
  not_yet_valid: "its iat or nbf is to come",
  lives_too_long: "it lives longer than the issuer's max_lifetime",
  of_a_machine: "it is a client's own, not a user's",
  client_not_allowed: "its client is none of the issuer's clients",
  scope_missing: "it lacks one of required_scopes",
  no_usable_subject: "its claims make no id by the issuer's subject",
  unknown_key: "the issuer publishes no key of its kid",
  unusable_key: "the issuer's key cannot be used",
  bad_signature: "its signature is not by the issuer's key",
} as const;

export type TokenRefusal = keyof typeof tokenRefusals;

/** The most that our clock and the issuer's may differ. */
export const maxSkewMs = 60_000;

/**
 * What is wrong with a header, before its key is looked for. `jku`, `x5u`, `jwk` and `x5c` are not looked at, here or
 * by jose.
 */
export function headerRefusal({ alg, typ }: JWTHeaderParameters, issuer: IssuerConfig): TokenRefusal | undefined {
  if (!issuer.algorithms.some((allowed) => allowed === alg)) return "algorithm_not_allowed";
  // RFC 7515 §4.1.9: case does not matter, and the prefix may be left out.
  const type = typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : undefined;
  return issuer.types.includes(typ === undefined ? "jwt" : (type ?? "")) ? undefined : "type_not_allowed";
}

/** What is wrong with the claims of a token of this issuer, at this time. */
export function claimsRefusal(claims: JWTPayload, issuer: IssuerConfig, now: Date): TokenRefusal | undefined {
  if (!isAccessToken(claims, issuer)) return "not_an_access_token";
  if (claims["nonce"] !== undefined && !issuer.allowNonce) return "has_a_nonce";
  // RFC 9449 §6, RFC 8705 §3: without the proof that goes with it, this is what a thief would send.
  if (claims["cnf"] !== undefined) return "bound_to_a_key";
  if (!isForUs(claims, issuer)) return "other_audience";
  return timeRefusal(claims, issuer, now) ?? holderRefusal(claims, issuer);
}

function timeRefusal(claims: JWTPayload, issuer: IssuerConfig, now: Date): TokenRefusal | undefined {
  const { exp, iat, nbf, sub } = claims;
  // JSON knows numbers beyond the largest that arithmetic has: they come as Infinity.
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

/**
 * The clients that a token names, all of which must be right. Names of the one claim: RFC 9068 and OpenID Connect,
 * Okta, Microsoft.
 */
export function clientsOf(claims: JWTPayload): readonly string[] {
  return ["client_id", "azp", "cid", "appid"].flatMap((claim) => textsIn(claims[claim]));
}

/** Also `aud` where another claim is looked at: a token that names its audience is for nobody else. */
function isForUs(claims: JWTPayload, { audiences, audienceClaim }: IssuerConfig): boolean {
  const looked = claims.aud === undefined ? [audienceClaim] : [audienceClaim, "aud"];
  return looked.every((claim) => textsIn(claims[claim]).some((audience) => audiences.includes(audience)));
}

/**
 * Where `typ` of the header says no more than JWT, an ID or logout token is known by what only it has, or by the
 * issuer's own marks.
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

/** A client that speaks for itself (RFC 9068 §5: its `sub` must not be taken for a user's). */
function isMachine(claims: JWTPayload, clients: readonly string[]): boolean {
  const sub = claims.sub ?? "";
  return (
    textsIn(claims["gty"]).some((grant) => /^client[-_]credentials$/.test(grant)) || // Auth0, FusionAuth
    sub.endsWith("@clients") || // Auth0
    clients.includes(sub) ||
    claims["idtyp"] === "app" || // Microsoft, where that optional claim is asked for
    // Microsoft: an application is its own object, while the `sub` of a user is another for each application.
    (claims["oid"] !== undefined && claims["oid"] === sub && claims["scp"] === undefined) ||
    textsIn(claims["preferred_username"]).some((name) => name.startsWith("service-account-")) // Keycloak
  );
}

/** Whether the issuer says that this user administers the deployment. */
export function isAdmin(claims: JWTPayload, { admin }: IssuerConfig): boolean {
  return admin !== undefined && textsIn(claims[admin.claim]).includes(admin.value);
}

/** A claim that is a text or a list of texts. */
function textsIn(claim: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.filter((value) => typeof value === "string");
}
