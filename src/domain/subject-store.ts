import type { AuditEvent } from "./audit-event.js";
import type { SubjectName } from "./identifier.js";
import type { SubjectFacts, SubjectState } from "./subject-state.js";
import type { TokenRecord } from "./token.js";

export interface StoredSubject extends SubjectFacts {
  readonly name: SubjectName;
  /** Undefined: never changed. */
  readonly updateTime: Date | undefined;
}

/** States of subjects. Each change is one transaction, under the lock that CreateToken waits for. */
export interface SubjectStore {
  get(name: SubjectName): Promise<StoredSubject>;
  /** `decide` sees the facts under the lock and answers the new ones; undefined changes nothing. */
  change(
    name: SubjectName,
    now: Date,
    decide: (current: StoredSubject) => SubjectChange | undefined,
  ): Promise<StoredSubject>;
  /** Its own tokens and those bound to it that are neither ended nor expired. */
  countLiveTokens(name: SubjectName, now: Date): Promise<number>;
}

export interface SubjectChange {
  readonly state: SubjectState;
  readonly generation: number;
  readonly event: AuditEvent;
  /** Revokes its tokens and those bound to it in the same transaction. */
  readonly revocation?: NonNullable<TokenRecord["revocation"]> & {
    readonly eventOf: (token: TokenRecord) => AuditEvent;
  };
}
