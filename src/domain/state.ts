import type { SubjectFacts } from "./subject-state.js";
import type { SecretRecord, TokenRecord } from "./token.js";

/** The state of a token as lists show it and filter by it. */
export type TokenState = "ACTIVE" | "PENDING_APPROVAL" | "SUSPENDED" | "EXPIRED" | "REVOKED" | "DENIED";

/** Whether a token can be used, by its stored facts and the time. The names are reasons of a decision. */
export type Usability =
  | "ALLOWED"
  | "TOKEN_REVOKED"
  | "TOKEN_SUPERSEDED"
  | "TOKEN_SUSPENDED"
  | "TOKEN_PENDING_APPROVAL"
  | "TOKEN_NOT_YET_VALID"
  | "TOKEN_EXPIRED"
  | "SUBJECT_DISABLED";

type StateFacts = Pick<TokenRecord, "revocation" | "approval" | "suspension" | "expireTime" | "expired">;

/** Returns ACTIVE also before `notBefore` and while the subject is disabled. Nothing leaves REVOKED and DENIED. */
export function tokenState(
  { revocation, approval, suspension, expireTime, expired }: StateFacts,
  now: Date,
): TokenState {
  if (revocation) return "REVOKED";
  if (approval?.state === "denied") return "DENIED";
  if (suspension) return "SUSPENDED";
  if (approval?.state === "pending") return "PENDING_APPROVAL";
  return expired || (expireTime && expireTime <= now) ? "EXPIRED" : "ACTIVE";
}

/** The subjects that a token depends on. */
export interface TokenSubjects {
  readonly subject: SubjectFacts;
  /** The state of the organization that a user token is bound to. */
  readonly organization: SubjectFacts | undefined;
}

/** Whether a token can be used, by its stored facts alone, without the time: the first of these that applies. */
export type Standing =
  | "REVOKED"
  | "SUPERSEDED"
  | "SUSPENDED"
  | "PENDING_APPROVAL"
  | "EXPIRED"
  | "SUBJECT_DISABLED"
  | "GOOD";

/**
 * Sums up the subjects of a token. The token of a deleted subject, or of an earlier generation of the subject, counts
 * as revoked.
 */
export function standingOfSubjects(
  { generation }: { readonly generation: number },
  { subject, organization }: TokenSubjects,
): "REVOKED" | "SUBJECT_DISABLED" | "GOOD" {
  const orphaned = subject.state === "DELETED" || generation !== subject.generation;
  if (orphaned || organization?.state === "DELETED") return "REVOKED";
  return subject.state === "DISABLED" || organization?.state === "DISABLED" ? "SUBJECT_DISABLED" : "GOOD";
}

/**
 * Sums up the stored facts of a token, one of its secrets and its subjects. A denied token counts as revoked. A flag,
 * not a time, marks what has ended at once: a time would take effect on a replica only when its clock reaches it.
 */
export function standingOf(
  token: {
    readonly generation: number;
    readonly approval: { readonly state: "pending" | "approved" | "denied" } | undefined;
    readonly suspension: unknown;
    readonly revocation: unknown;
    readonly expired: boolean;
  },
  secret: Pick<SecretRecord, "ended"> | undefined,
  subjects: TokenSubjects,
): Standing {
  const ended = token.revocation !== undefined || token.approval?.state === "denied";
  const ofSubjects = standingOfSubjects(token, subjects);
  if (ended || ofSubjects === "REVOKED") return "REVOKED";
  if (secret?.ended) return "SUPERSEDED";
  if (token.suspension) return "SUSPENDED";
  if (token.approval?.state === "pending") return "PENDING_APPROVAL";
  return token.expired ? "EXPIRED" : ofSubjects;
}

/** Times that bound the use of a token with one of its secrets, milliseconds since 1970; undefined sets no bound. */
export interface UseTimes {
  readonly notBeforeMs: number | undefined;
  readonly expireMs: number | undefined;
  /** When the secret was or will be superseded. */
  readonly retireMs: number | undefined;
}

/** Judges standing and time together: the first check that fails decides. Valid while `notBefore <= now < expire`. */
export function usableAt(standing: Standing, { notBeforeMs, expireMs, retireMs }: UseTimes, nowMs: number): Usability {
  if (standing === "REVOKED") return "TOKEN_REVOKED";
  if (isSuperseded({ standing, retireMs }, nowMs)) return "TOKEN_SUPERSEDED";
  if (standing === "SUSPENDED") return "TOKEN_SUSPENDED";
  if (standing === "PENDING_APPROVAL") return "TOKEN_PENDING_APPROVAL";
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) return "TOKEN_NOT_YET_VALID";
  if (standing === "EXPIRED" || (expireMs !== undefined && expireMs <= nowMs)) return "TOKEN_EXPIRED";
  return standing === "SUBJECT_DISABLED" ? "SUBJECT_DISABLED" : "ALLOWED";
}

/** Returns whether the secret ended for good: revoked or superseded, not by expiry. */
export function endedForGood(
  { standing, retireMs }: Pick<UseTimes, "retireMs"> & { readonly standing: Standing },
  nowMs: number,
): boolean {
  return standing === "REVOKED" || isSuperseded({ standing, retireMs }, nowMs);
}

/**
 * Returns whether the secret was superseded, by a flag or by its time. Do not call it for a revoked token, whose
 * standing hides that of its secrets.
 */
function isSuperseded(
  { standing, retireMs }: Pick<UseTimes, "retireMs"> & { readonly standing: Standing },
  nowMs: number,
): boolean {
  return standing === "SUPERSEDED" || (retireMs !== undefined && retireMs <= nowMs);
}

/**
 * Returns whether a token may be used at `now` with this secret, before network, grant and policy are checked. Without
 * a secret, returns what applies to all live secrets.
 */
export function usability(
  token: StateFacts & Pick<TokenRecord, "notBefore" | "generation">,
  secret: Pick<SecretRecord, "retireTime" | "ended"> | undefined,
  subjects: TokenSubjects,
  now: Date,
): Usability {
  return usableAt(standingOf(token, secret, subjects), useTimesOf(token, secret), now.getTime());
}

/** Returns the times that bound the use of a token with this secret. */
export function useTimesOf(
  { notBefore, expireTime }: Pick<TokenRecord, "notBefore" | "expireTime">,
  secret: Pick<SecretRecord, "retireTime"> | undefined,
): UseTimes {
  return {
    notBeforeMs: notBefore?.getTime(),
    expireMs: expireTime?.getTime(),
    retireMs: secret?.retireTime?.getTime(),
  };
}
