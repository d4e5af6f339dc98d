import type { ServiceCaller } from "../../callers/caller.js";
import { earlier, endOf } from "../../domain/lifetime.js";
import { scopeOf } from "../../domain/scope.js";
import { organizationOf, type SecretRecord } from "../../domain/token.js";
import type { TokenSnapshot } from "../../domain/token-store.js";

/** The answer of RFC 7662 §2.2 about an active token. Times are whole seconds since 1970. */
export interface ActiveToken {
  readonly active: true;
  /** The grant of the token as domain/scope.ts writes it: an upper limit, not a permission. */
  readonly scope: string;
  /** `user:alice` or `organization:acme`. */
  readonly sub: string;
  /** The id of the token, since a token belongs to no application. */
  readonly client_id: string;
  readonly token_type: "Bearer";
  readonly token_use: "access_token";
  /**
   * The earliest of three times: the end of the time that callers may cache the reply, of the secret, and of the token.
   */
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
  readonly iss: string;
  readonly jti: string;
  readonly organization?: string;
  readonly subject_type: "user" | "organization";
}

/** The same reply for every reason. */
export const inactive = { active: false } as const;

export interface IntrospectionSettings {
  /** `iss`. */
  readonly issuer: string;
  /** How long callers may cache a reply, milliseconds. A caller may have a shorter time of its own. */
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
    // Rounded down, so that it is never later than the real end.
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
