/**
 * Reasons of a decision by the wire numbers of reason.proto: 10 to 29 say that the token is no good (a backend answers
 * 401), 30 to 49 that a good token is not allowed (403).
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

/** Whether the token itself was good; only then does a decision say anything about the subject. */
export function tokenIsValid(reason: Reason): boolean {
  return reason === "ALLOWED" || reasons[reason] >= 30;
}
