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

/** What stored facts alone, without the time, say about a token; in this order, the first that applies. */
export type Standing = "REVOKED" | "SUSPENDED" | "PENDING_APPROVAL" | "SUBJECT_DISABLED" | "GOOD";

/** The facts of a token and its subjects in one word. A denied token, and one of a deleted subject or of an earlier life of it, is revoked. */
export function standingOf(
  token: {
    readonly generation: number;
    readonly approval: { readonly state: "pending" | "approved" | "denied" } | undefined;
    readonly suspension: unknown;
    readonly revocation: unknown;
  },
  { subject, organization }: TokenSubjects,
): Standing {
  const ended = token.revocation !== undefined || token.approval?.state === "denied";
  const orphaned = subject.state === "DELETED" || token.generation !== subject.generation;
  if (ended || orphaned || organization?.state === "DELETED") return "REVOKED";
  if (token.suspension) return "SUSPENDED";
  if (token.approval?.state === "pending") return "PENDING_APPROVAL";
  return subject.state === "DISABLED" || organization?.state === "DISABLED" ? "SUBJECT_DISABLED" : "GOOD";
}

/** Times that bound the use of a token with one of its secrets, milliseconds since 1970. Undefined: no bound. */
export interface UseTimes {
  readonly notBeforeMs: number | undefined;
  readonly expireMs: number | undefined;
  /** When the secret was or will be superseded. */
  readonly retireMs: number | undefined;
}

/** Standing and time together; the first that fails decides. Valid while `notBefore <= now < expire`. */
export function usableAt(standing: Standing, { notBeforeMs, expireMs, retireMs }: UseTimes, nowMs: number): Usability {
  if (standing === "REVOKED") return "TOKEN_REVOKED";
  if (retireMs !== undefined && retireMs <= nowMs) return "TOKEN_SUPERSEDED";
  if (standing === "SUSPENDED") return "TOKEN_SUSPENDED";
  if (standing === "PENDING_APPROVAL") return "TOKEN_PENDING_APPROVAL";
  if (notBeforeMs !== undefined && nowMs < notBeforeMs) return "TOKEN_NOT_YET_VALID";
  if (expireMs !== undefined && expireMs <= nowMs) return "TOKEN_EXPIRED";
  return standing === "SUBJECT_DISABLED" ? "SUBJECT_DISABLED" : "ALLOWED";
}

/**
 * Whether a token may be used at `now` with this secret, before network, grant and policy. No secret: what holds for all of its live ones.
 */
export function usability(
  token: StateFacts & Pick<TokenRecord, "notBefore" | "generation">,
  secret: Pick<SecretRecord, "retireTime"> | undefined,
  subjects: TokenSubjects,
  now: Date,
): Usability {
  const times: UseTimes = {
    notBeforeMs: token.notBefore?.getTime(),
    expireMs: token.expireTime?.getTime(),
    retireMs: secret?.retireTime?.getTime(),
  };
  return usableAt(standingOf(token, subjects), times, now.getTime());
}
