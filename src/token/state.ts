import type { SubjectFacts } from "./subject-state.js";
import type { SecretRecord, TokenRecord } from "./token.js";

export type TokenState = "ACTIVE" | "PENDING_APPROVAL" | "SUSPENDED" | "EXPIRED" | "REVOKED" | "DENIED";

/** What stored facts and time say about a token's use; the names are reasons of a decision. */
export type Usability =
  | "ALLOWED"
  | "TOKEN_REVOKED"
  | "TOKEN_SUPERSEDED"
  | "TOKEN_SUSPENDED"
  | "TOKEN_PENDING_APPROVAL"
  | "TOKEN_NOT_YET_VALID"
  | "TOKEN_EXPIRED"
  | "SUBJECT_DISABLED";

type StateFacts = Pick<TokenRecord, "revocation" | "approval" | "suspension" | "expireTime">;

/** As lists show it, ACTIVE also before `notBefore` and while the subject is disabled. Nothing leaves REVOKED and DENIED. */
export function tokenState({ revocation, approval, suspension, expireTime }: StateFacts, now: Date): TokenState {
  if (revocation) return "REVOKED";
  if (approval?.state === "denied") return "DENIED";
  if (suspension) return "SUSPENDED";
  if (approval?.state === "pending") return "PENDING_APPROVAL";
  return expireTime && expireTime <= now ? "EXPIRED" : "ACTIVE";
}

/** The subjects that a token hangs on. */
export interface TokenSubjects {
  readonly subject: SubjectFacts;
  /** Of the organization that a user token is bound to. */
  readonly organization: SubjectFacts | undefined;
}

/**
 * Whether a token may be used at `now` with this secret, before network, grant and policy; the first that fails decides. Valid while
 * `notBefore <= now < expireTime`. No secret: what holds for all of its live ones.
 */
export function usability(
  token: StateFacts & Pick<TokenRecord, "notBefore" | "generation">,
  secret: Pick<SecretRecord, "retireTime"> | undefined,
  { subject, organization }: TokenSubjects,
  now: Date,
): Usability {
  const ended = token.revocation !== undefined || token.approval?.state === "denied";
  const orphaned = subject.state === "DELETED" || token.generation !== subject.generation;
  if (ended || orphaned || organization?.state === "DELETED") return "TOKEN_REVOKED";
  if (secret?.retireTime && secret.retireTime <= now) return "TOKEN_SUPERSEDED";
  if (token.suspension) return "TOKEN_SUSPENDED";
  if (token.approval?.state === "pending") return "TOKEN_PENDING_APPROVAL";
  if (token.notBefore && now < token.notBefore) return "TOKEN_NOT_YET_VALID";
  if (token.expireTime && token.expireTime <= now) return "TOKEN_EXPIRED";
  return subject.state === "DISABLED" || organization?.state === "DISABLED" ? "SUBJECT_DISABLED" : "ALLOWED";
}
