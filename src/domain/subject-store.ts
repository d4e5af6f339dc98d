import type { AuditEvent } from "./audit-event.js";
import type { SubjectName } from "./identifier.js";
import type { SubjectFacts, SubjectState } from "./subject-state.js";
import type { Revocation, TokenRecord } from "./token.js";

export interface StoredSubject extends SubjectFacts {
  readonly name: SubjectName;
  /** Undefined when the subject was never changed. */
  readonly updateTime: Date | undefined;
}

/** A subject, with the number of its tokens that stop when it is disabled or deleted. */
export interface SubjectWithTokens extends StoredSubject {
  readonly liveTokens: number;
}

export interface SubjectFilter {
  /** The beginning of the name; empty matches all. Only characters of names. */
  readonly prefix: string;
  /** Absent: any state. */
  readonly states?: readonly SubjectState[];
  /** Only names that equal one of these, or start with one that ends in `:`. Absent: any name. */
  readonly subjects?: readonly string[];
}

/** States of subjects. Each change is one transaction, under a lock that CreateToken waits for. */
export interface SubjectStore {
  get(name: SubjectName): Promise<StoredSubject>;
  /**
   * Lists subjects that have tokens or whose state was ever changed, by name and starting after `after`, with their
   * numbers of tokens, in one statement.
   */
  list(
    filter: SubjectFilter,
    page: { readonly size: number; readonly after?: SubjectName },
    now: Date,
  ): Promise<{ readonly subjects: readonly SubjectWithTokens[]; readonly more: boolean }>;
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
