import type { JWTHeaderParameters, JWTPayload } from "jose";

/** Signature algorithms that an issuer may be trusted with. Never one that a public key would be the secret of. */
export const oidcAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

export type OidcAlgorithm = (typeof oidcAlgorithms)[number];

/** An OpenID provider whose access tokens prove users. */
export interface IssuerConfig {
  /** `iss` to the letter, with or without the slash at its end; https, or http on loopback. */
  readonly issuer: string;
  /** One of them must be an entry of `aud`; never empty. */
  readonly audiences: readonly string[];
  /** Template of the user's id, `{sub}`; see subject-template.ts. */
  readonly subject: string;
  readonly algorithms: readonly OidcAlgorithm[];
  /** Each must be in `scope` or `scp`. */
  readonly requiredScopes: readonly string[];
  /** The only clients whose tokens are taken. Empty: any. */
  readonly clients: readonly string[];
  /** Accepted `typ` of the header, lower case and without `application/`: `at+jwt` of RFC 9068, `jwt` for issuers that say no more. */
  readonly types: readonly string[];
  /** Tokens whose claim is this value, or a list with it, are an administrator's. Absent: none is. */
  readonly admin?: { readonly claim: string; readonly value: string };
  /** How long fetched keys are current. A key that the issuer has removed is trusted for as long. */
  readonly cacheMaxAgeMs: number;
  /** Longest lifetime of a token, `exp` less `iat`. */
  readonly maxLifetimeMs: number;
}

/** Why a token was refused, for the log. Holds nothing of the token. */
export type TokenRefusal =
  | "too long"
  | "not a signed JWT; an access token that was asked for without an audience is opaque"
  | "unknown issuer"
  | "algorithm not allowed"
  | "type not allowed"
  | "not an access token"
  | "bound to a key of its client"
  | "other audience"
  | "no expiry, issue time or subject, or not of the right kind"
  | "expired"
  | "not yet valid"
  | "lives too long"
  | "a machine's"
  | "client not allowed"
  | "scope missing"
  | "no usable subject"
  | "unknown key"
  | "unusable key"
  | "bad signature";

/** The most that our clock and the issuer's may differ. */
export const maxSkewMs = 60_000;

/** What is wrong with a header, before its key is looked for. `jku`, `x5u`, `jwk` and `x5c` are not looked at, here or by jose. */
export function headerRefusal({ alg, typ }: JWTHeaderParameters, issuer: IssuerConfig): TokenRefusal | undefined {
  if (!issuer.algorithms.some((allowed) => allowed === alg)) return "algorithm not allowed";
  // RFC 7515 §4.1.9: case does not matter, and the prefix may be left out.
  const type = typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : undefined;
  return type !== undefined && issuer.types.includes(type) ? undefined : "type not allowed";
}

/** What is wrong with the claims of a token of this issuer, at this time. */
export function claimsRefusal(claims: JWTPayload, issuer: IssuerConfig, now: Date): TokenRefusal | undefined {
  if (!isAccessToken(claims)) return "not an access token";
  // RFC 9449 §6, RFC 8705 §3: without the proof that goes with it, this is what a thief would send.
  if (claims["cnf"] !== undefined) return "bound to a key of its client";
  if (!textsIn(claims.aud).some((audience) => issuer.audiences.includes(audience))) return "other audience";
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
    return "no expiry, issue time or subject, or not of the right kind";
  }
  const nowMs = now.getTime();
  if (exp * 1000 + maxSkewMs <= nowMs) return "expired";
  if (Math.max(iat, nbf ?? iat) * 1000 > nowMs + maxSkewMs) return "not yet valid";
  return (exp - iat) * 1000 > issuer.maxLifetimeMs ? "lives too long" : undefined;
}

function holderRefusal(claims: JWTPayload, issuer: IssuerConfig): TokenRefusal | undefined {
  // Names of the one claim: RFC 9068 and OpenID Connect, Okta, Microsoft.
  const clients = ["client_id", "azp", "cid", "appid"].flatMap((claim) => textsIn(claims[claim]));
  if (isMachine(claims, clients)) return "a machine's";
  if (
    issuer.clients.length > 0 &&
    !(clients.length > 0 && clients.every((client) => issuer.clients.includes(client)))
  ) {
    return "client not allowed";
  }
  const scopes = [claims["scope"], claims["scp"]].flatMap(textsIn).flatMap((scope) => scope.split(" "));
  return issuer.requiredScopes.every((scope) => scopes.includes(scope)) ? undefined : "scope missing";
}

/** Where `typ` of the header says no more than JWT, an ID or logout token is known by what only it has, or by the issuer's own mark. */
function isAccessToken(claims: JWTPayload): boolean {
  if (["nonce", "at_hash", "c_hash", "s_hash", "events"].some((claim) => claims[claim] !== undefined)) return false;
  const { typ, token_use: use } = claims; // Keycloak, Cognito
  return (typ === undefined || typ === "Bearer") && (use === undefined || use === "access");
}

/** A client that speaks for itself (RFC 9068 §5: its `sub` must not be taken for a user's). */
function isMachine(claims: JWTPayload, clients: readonly string[]): boolean {
  const sub = claims.sub ?? "";
  return (
    textsIn(claims["gty"]).some((grant) => /^client[-_]credentials$/.test(grant)) || // Auth0, FusionAuth
    sub.endsWith("@clients") || // Auth0
    clients.includes(sub) ||
    claims["idtyp"] === "app" || // Microsoft
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
