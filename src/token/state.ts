import type { SecretRecord, TokenRecord } from "./token.js";

export type TokenState = "ACTIVE" | "EXPIRED" | "REVOKED";

/** What stored facts and time say about a token's use; the names are reasons of a decision. */
export type Usability = "ALLOWED" | "TOKEN_REVOKED" | "TOKEN_NOT_YET_VALID" | "TOKEN_EXPIRED";

/** As lists show it: ACTIVE also before `notBefore`. EXPIRED becomes REVOKED when revoked; nothing leaves REVOKED. */
export function tokenState(
  { revocation, expireTime }: Pick<TokenRecord, "revocation" | "expireTime">,
  now: Date,
): TokenState {
  if (revocation) return "REVOKED";
  return expireTime && expireTime <= now ? "EXPIRED" : "ACTIVE";
}

/**
 * Whether a token may be used at `now` with this secret, before network and grant; the first that fails decides. Valid
 * while `notBefore <= now < expireTime`. No secret: what holds for all of its live ones.
 */
export function usability(
  token: Pick<TokenRecord, "revocation" | "expireTime" | "notBefore">,
  secret: Pick<SecretRecord, "retireTime" | "revokeTime"> | undefined,
  now: Date,
): Usability {
  if (token.revocation || (secret && isDead(secret, now))) return "TOKEN_REVOKED";
  if (token.notBefore && now < token.notBefore) return "TOKEN_NOT_YET_VALID";
  return token.expireTime && token.expireTime <= now ? "TOKEN_EXPIRED" : "ALLOWED";
}

function isDead({ retireTime, revokeTime }: Pick<SecretRecord, "retireTime" | "revokeTime">, now: Date): boolean {
  return revokeTime !== undefined || (retireTime !== undefined && retireTime <= now);
}
