import type { AuditEvent } from "./audit-event.js";
import type { SubjectName } from "./identifier.js";
import type { SubjectFacts, SubjectState } from "./subject-state.js";
import type { Revocation, TokenRecord } from "./token.js";

export interface StoredSubject extends SubjectFacts {
  readonly name: SubjectName;
  /** Undefined when the subject was never changed. */
  readonly updateTime: Date | undefined;
}

/** States of subjects. Each change is one transaction, under a lock that CreateToken waits for. */
export interface SubjectStore {
  get(name: SubjectName): Promise<StoredSubject>;
  /** Locks the subject, reads it, and makes the change that `decide` returns; undefined changes nothing. */
  change(
    name: SubjectName,
    now: Date,
    decide: (current: StoredSubject) => SubjectChange | undefined,
  ): Promise<StoredSubject>;
  /** Counts the tokens of a subject and those bound to it that are neither revoked, denied nor expired. */
  countLiveTokens(name: SubjectName, now: Date): Promise<number>;
}

export interface SubjectChange {
  readonly state: SubjectState;
  readonly generation: number;
  /** Committed with the change. */
  readonly event: AuditEvent;
  /** Revokes its tokens and those bound to it in the same transaction. */
  readonly revocation?: Revocation & {
    readonly eventOf: (token: TokenRecord) => AuditEvent;
  };
}
