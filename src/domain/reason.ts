/**
 * The reasons of a decision with their numbers in reason.proto. 10 to 29: the token is not valid (a backend replies
 * 401). 30 to 49: the token is valid but not allowed to do this (403).
 */
export const reasons = {
  ALLOWED: 1,
  TOKEN_MALFORMED: 10,
  TOKEN_UNKNOWN: 11,
  TOKEN_EXPIRED: 12,
  TOKEN_NOT_YET_VALID: 13,
  TOKEN_REVOKED: 14,
  TOKEN_SUSPENDED: 15,
  TOKEN_PENDING_APPROVAL: 16,
  TOKEN_SUPERSEDED: 17,
  SUBJECT_DISABLED: 18,
  NETWORK_NOT_ALLOWED: 19,
  NOT_GRANTED: 30,
  POLICY: 31,
  NOT_PERMITTED: 32,
  NOT_A_MEMBER: 33,
} as const;

export type Reason = keyof typeof reasons;

/** Returns whether the token itself is valid. Only then does a decision reveal anything about the subject. */
export function tokenIsValid(reason: Reason): boolean {
  return reason === "ALLOWED" || reasons[reason] >= 30;
}
