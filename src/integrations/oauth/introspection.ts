import type { ServiceCaller } from "../../callers/caller.js";
import { earlier, endOf } from "../../domain/lifetime.js";
import { scopeOf } from "../../domain/scope.js";
import { organizationOf, type SecretRecord } from "../../domain/token.js";
import type { TokenSnapshot } from "../../domain/token-store.js";

/** The answer of RFC 7662 §2.2 about an active token. Times are whole seconds since 1970. */
export interface ActiveToken {
  readonly active: true;
  /** What the token may at most, not a permission, in the words of domain/scope.ts. */
  readonly scope: string;
  /** `user:alice` or `organization:acme`. */
  readonly sub: string;
  /** The token's id: a token belongs to no application. */
  readonly client_id: string;
  readonly token_type: "Bearer";
  readonly token_use: "access_token";
  /** When the answer must be asked for again, the secret that was shown ends, or the token does, whichever is first. */
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
  readonly iss: string;
  readonly jti: string;
  readonly organization?: string;
  readonly subject_type: "user" | "organization";
}

/** For every reason alike. */
export const inactive = { active: false } as const;

export interface IntrospectionSettings {
  /** `iss`. */
  readonly issuer: string;
  /** How long callers may keep an answer, milliseconds; one may have a shorter time of its own. */
  readonly maxCacheMs: number;
}

export function activeToken(
  { token }: Pick<TokenSnapshot, "token">,
  secret: SecretRecord,
  { issuer, maxCacheMs }: IntrospectionSettings,
  caller: Pick<ServiceCaller, "maxCacheMs">,
  now: Date,
): ActiveToken {
  const { id, subject, kind, grant, createTime, notBefore } = token;
  const keptUntil = new Date(now.getTime() + Math.min(maxCacheMs, caller.maxCacheMs ?? maxCacheMs));
  const organization = organizationOf(token);
  return {
    active: true,
    scope: scopeOf(grant),
    sub: subject,
    client_id: id,
    token_type: "Bearer",
    token_use: "access_token",
    // Rounded down: never later than what it stands for.
    exp: seconds(earlier(endOf(token, secret), keptUntil).getTime()),
    iat: seconds(createTime.getTime()),
    ...(notBefore && { nbf: seconds(notBefore.getTime()) }),
    iss: issuer,
    jti: id,
    ...(organization && { organization }),
    subject_type: kind === "oat" ? "organization" : "user",
  };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
