import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { parseSubject, type SubjectName, type SubjectTypes } from "../../domain/identifier.js";
import type { SignIn } from "../caller.js";
import {
  claimsRefusal,
  headerRefusal,
  type IssuerConfig,
  isAdmin,
  maxSkewMs,
  signInOf,
  type TokenRefusal,
} from "./access-token.js";
import { IssuerKeys, type KeySet } from "./issuer-keys.js";
import { parseSubjectTemplate, type SubjectTemplate } from "./subject-template.js";

/** A user, proven by an access token or an ID token. */
export interface UserIdentity {
  readonly subject: SubjectName;
  readonly issuer: string;
  /** Whether the issuer says that this user administers the deployment. */
  readonly admin: boolean;
  readonly signIn: SignIn;
}

export interface OidcVerifier {
  /**
   * Returns the user, or undefined for every token that is refused. Throws ISSUER_UNAVAILABLE when keys cannot be
   * fetched.
   */
  verify(token: string): Promise<UserIdentity | undefined>;
  /**
   * Returns the user for the claims of an ID token of this issuer, which must be verified already. Returns undefined
   * when they name no user, or the issuer is not configured.
   */
  identify(issuer: string, claims: JWTPayload): UserIdentity | undefined;
  /** Returns the current settings of an issuer; undefined when it is not configured. */
  settingsOf(issuer: string): IssuerConfig | undefined;
  /** Replaces all issuers at once. The keys of issuers that stay are kept. */
  replace(issuers: readonly IssuerConfig[]): void;
}

export interface OidcOptions {
  /** Default `user` and `organization`. */
  readonly subjectTypes?: SubjectTypes;
  /** Default: the system's clock. */
  readonly clock?: { now(): Date };
  /** Returns the time of a clock that never jumps, milliseconds, for the age of keys. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Deadline of one fetch of discovery and keys, milliseconds. Default 5,000. */
  readonly fetchTimeoutMs?: number;
  /** Returns a number from 0 to 1, for the jitter. Default: Math.random. */
  readonly random?: () => number;
  /**
   * Called when a token is refused, with the reason and the issuer if it is known; never with any other part of the
   * token.
   */
  readonly onRefusal?: (reason: TokenRefusal, issuer?: string) => void;
  /** Called when a fetch of keys has failed. */
  readonly onFetchFailure?: (issuer: string, error: unknown) => void;
}

interface Issuer {
  readonly config: IssuerConfig;
  readonly template: SubjectTemplate;
  readonly keys: IssuerKeys;
}

/** The most keys that are tried for a token without `kid`. */
const maxTriedKeys = 4;
const maxTokenLength = 16_384;

/** Creates a verifier of these issuers' access tokens: those of RFC 9068 §4, and variants that are configured. */
export function createOidcVerifier(configs: readonly IssuerConfig[], options: OidcOptions = {}): OidcVerifier {
  const {
    subjectTypes = { user: "user", organization: "organization" },
    clock = { now: () => new Date() },
    monotonicMs = () => performance.now(),
    fetchTimeoutMs = 5_000,
    random = Math.random,
    onRefusal = () => undefined,
    onFetchFailure = () => undefined,
  } = options;
  let issuers: ReadonlyMap<string, Issuer> = new Map();
  replace(configs);
  return {
    verify,
    replace,
    identify(name, claims) {
      const issuer = issuers.get(name);
      const subject = issuer && subjectOf(claims, issuer);
      return subject && identityOf(subject, claims, issuer.config);
    },
    settingsOf: (name) => issuers.get(name)?.config,
  };

  function replace(next: readonly IssuerConfig[]): void {
    issuers = new Map(next.map((config) => [config.issuer, issuerOf(config, issuers.get(config.issuer))]));
  }

  function issuerOf(config: IssuerConfig, previous: Issuer | undefined): Issuer {
    const template = parseSubjectTemplate(config.subject);
    if (!template.ok) throw new Error("a subject template is invalid although the configuration was checked");
    const { issuer, cacheMaxAgeMs } = config;
    const keys =
      previous?.config.cacheMaxAgeMs === cacheMaxAgeMs
        ? previous.keys
        : new IssuerKeys(issuer, {
            maxAgeMs: cacheMaxAgeMs,
            fetchTimeoutMs,
            monotonicMs,
            random,
            onFailure: (error) => onFetchFailure(issuer, error),
          });
    return { config, template: template.value, keys };
  }

  async function verify(token: string): Promise<UserIdentity | undefined> {
    if (token.length > maxTokenLength) return refused("too_long");
    const decoded = decode(token);
    if (!decoded) return refused("not_a_signed_jwt");
    const issuer = typeof decoded.claims.iss === "string" ? issuers.get(decoded.claims.iss) : undefined;
    if (!issuer) return refused("unknown_issuer");
    const { config } = issuer;
    const now = clock.now();
    // Checked before the signature: a token whose own claims are wrong causes no fetch, and is refused also while the
    // issuer is down.
    const refusal = headerRefusal(decoded.header, config) ?? claimsRefusal(decoded.claims, config, now);
    if (refusal) return refused(refusal, config.issuer);
    if (!subjectOf(decoded.claims, issuer)) return refused("no_usable_subject", config.issuer);

    const verified = await verifySignature(token, decoded.header.kid, issuer, now);
    if (typeof verified === "string") return refused(verified, config.issuer);
    const subject = subjectOf(verified, issuer);
    if (!subject) return refused("no_usable_subject", config.issuer);
    return identityOf(subject, verified, config);
  }

  function refused(reason: TokenRefusal, issuer?: string): undefined {
    onRefusal(reason, issuer);
  }

  function subjectOf(claims: JWTPayload, { template }: Issuer): SubjectName | undefined {
    const id = template.idOf(claims);
    const parsed = id === undefined ? undefined : parseSubject(`${subjectTypes.user}:${id}`, subjectTypes);
    return parsed?.ok ? parsed.value.name : undefined;
  }
}

function identityOf(subject: SubjectName, claims: JWTPayload, config: IssuerConfig): UserIdentity {
  const { issuer } = config;
  return { subject, issuer, admin: isAdmin(claims, config), signIn: signInOf(claims, config) };
}

/** Decodes header and claims, not verified. */
function decode(token: string): { readonly header: JWTHeaderParameters; readonly claims: JWTPayload } | undefined {
  try {
    return { header: decodeProtectedHeader(token) as JWTHeaderParameters, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

type Verified = JWTPayload | "unknown_key" | "unusable_key" | "bad_signature";

async function verifySignature(token: string, kid: unknown, { config, keys }: Issuer, now: Date): Promise<Verified> {
  // A key without `kid` may have been replaced by a new one, so a bad signature causes a new fetch.
  const unknown = kid === undefined ? ["unknown_key", "bad_signature"] : ["unknown_key"];
  const verified = await keys.find(typeof kid === "string" ? kid : "", async (set) => {
    const one = await verifyWith(set, token, config, now);
    return typeof one === "string" && unknown.includes(one) ? undefined : one;
  });
  return verified ?? "unknown_key";
}

async function verifyWith(keys: KeySet, token: string, config: IssuerConfig, now: Date): Promise<Verified> {
  const verify = async (getKey: JWTVerifyGetKey): Promise<JWTPayload> => {
    const options = {
      issuer: config.issuer,
      algorithms: [...config.algorithms],
      requiredClaims: ["exp", "iat", "sub"],
      clockTolerance: maxSkewMs / 1000,
      maxTokenAge: (config.maxLifetimeMs + maxSkewMs) / 1000,
      currentDate: now,
    };
    const { payload } = await jwtVerify(token, getKey, options);
    return payload;
  };
  try {
    return await verify(keys);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return "unknown_key";
    // Errors that are not jose's come from the runtime, which refuses this key: it is too short or malformed.
    if (!(error instanceof errors.JOSEError)) return "unusable_key";
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return "bad_signature";
    let tried = 0;
    for await (const key of error) {
      const payload = await verify(() => Promise.resolve(key)).catch(() => undefined);
      if (payload) return payload;
      tried += 1;
      if (tried === maxTriedKeys) break;
    }
    // The right key may have been published since.
    return "unknown_key";
  }
}
