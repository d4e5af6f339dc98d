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
import {
  claimsRefusal,
  headerRefusal,
  type IssuerConfig,
  isAdmin,
  maxSkewMs,
  type TokenRefusal,
} from "./access-token.js";
import { IssuerKeys, type KeySet } from "./issuer-keys.js";
import { parseSubjectTemplate, type SubjectTemplate } from "./subject-template.js";

/** A user, proven by an access token. */
export interface UserIdentity {
  readonly subject: SubjectName;
  readonly issuer: string;
  /** Whether the issuer says that this user administers the deployment. */
  readonly admin: boolean;
  /** When the access token expires. */
  readonly expireTime: Date;
}

export interface OidcVerifier {
  /**
   * The user; undefined for every token that is not good, whatever the reason. Throws ISSUER_UNAVAILABLE when keys
   * cannot be fetched.
   */
  verify(token: string): Promise<UserIdentity | undefined>;
  /** Takes the place of all issuers at once; keys of issuers that stay are kept. */
  replace(issuers: readonly IssuerConfig[]): void;
}

export interface OidcOptions {
  /** Default `user` and `organization`. */
  readonly subjectTypes?: SubjectTypes;
  /** Default: the system's clock. */
  readonly clock?: { now(): Date };
  /** A clock that never jumps, milliseconds, for the age of keys. Default: the process's. */
  readonly monotonicMs?: () => number;
  /** Deadline of one fetch of discovery and keys, milliseconds. Default 5,000. */
  readonly fetchTimeoutMs?: number;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
  /**
   * Called with the reason for which a token is refused, and its issuer if that is known; never with any part of the
   * token.
   */
  readonly onRefusal?: (reason: TokenRefusal, issuer?: string) => void;
  /** Called for every fetch of keys that failed. */
  readonly onFetchFailure?: (issuer: string, error: unknown) => void;
}

interface Issuer {
  readonly config: IssuerConfig;
  readonly template: SubjectTemplate;
  readonly keys: IssuerKeys;
}

/** A token without the name of its key is tried on so many keys. */
const maxTriedKeys = 4;
const maxTokenLength = 16_384;

/** Users by the access tokens of these issuers, as RFC 9068 §4 says, and by dialects that are configured. */
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
  return { verify, replace };

  function replace(next: readonly IssuerConfig[]): void {
    issuers = new Map(next.map((config) => [config.issuer, issuerOf(config, issuers.get(config.issuer))]));
  }

  function issuerOf(config: IssuerConfig, previous: Issuer | undefined): Issuer {
    const template = parseSubjectTemplate(config.subject);
    if (!template.ok) throw new Error("a checked configuration has sound subject templates");
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
    // Before the signature: what is no good even by its own account costs no fetch, and is refused while the issuer is
    // down.
    const refusal = headerRefusal(decoded.header, config) ?? claimsRefusal(decoded.claims, config, now);
    if (refusal) return refused(refusal, config.issuer);
    if (!subjectOf(decoded.claims, issuer)) return refused("no_usable_subject", config.issuer);

    const verified = await verifySignature(token, decoded.header.kid, issuer, now);
    if (typeof verified === "string") return refused(verified, config.issuer);
    const subject = subjectOf(verified, issuer);
    if (!subject) return refused("no_usable_subject", config.issuer);
    return {
      subject,
      issuer: config.issuer,
      admin: isAdmin(verified, config),
      expireTime: new Date((verified.exp ?? 0) * 1000), // verification requires it
    };
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

/** Header and claims, proven by nothing. */
function decode(token: string): { readonly header: JWTHeaderParameters; readonly claims: JWTPayload } | undefined {
  try {
    return { header: decodeProtectedHeader(token) as JWTHeaderParameters, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

type Verified = JWTPayload | "unknown_key" | "unusable_key" | "bad_signature";

async function verifySignature(token: string, kid: unknown, { config, keys }: Issuer, now: Date): Promise<Verified> {
  // A key without a name may have taken the place of another.
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
    // What does not come from jose comes from the runtime, which will not take this key: too short, or malformed.
    if (!(error instanceof errors.JOSEError)) return "unusable_key";
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return "bad_signature";
    let tried = 0;
    for await (const key of error) {
      const payload = await verify(() => Promise.resolve(key)).catch(() => undefined);
      if (payload) return payload;
      tried += 1;
      if (tried === maxTriedKeys) break;
    }
    // The right key has no name either, and may have come since.
    return "unknown_key";
  }
}
