import type { AuditEvent } from "../domain/audit-event.js";
import type { Revocation, TokenId, TokenRecord } from "../domain/token.js";
import type { Leak, LeakNotice } from "./leak.js";

/** What is written of the leak of one token. */
export interface LeakChange {
  /** Kept unless an earlier one is: the first report of a token stays. */
  readonly leak: Leak;
  readonly event: AuditEvent;
  /** Whether the token is revoked, or lives on. */
  readonly revokes: boolean;
}

/**
 * Leaks that were reported, and who is still to be told. Methods fail with Failure DATABASE_UNAVAILABLE or
 * OUTCOME_UNKNOWN.
 */
export interface LeakStore {
  /**
   * Writes what `decide` makes of the facts of each token under its row lock, and of whether a leak of it was reported
   * before; undefined writes nothing. All of it is written or nothing; a hundred tokens are a good number. `decide`
   * must not wait for anything.
   */
  report(
    ids: readonly TokenId[],
    revocation: Revocation,
    decide: (token: TokenRecord, reportedBefore: boolean) => LeakChange | undefined,
  ): Promise<void>;
  /**
   * Takes one leak that nobody was told of and whose turn it is, for the process that asks alone: its next turn is at
   * what `retryTime` makes of the attempts before. Undefined means none is due.
   */
  claim(now: Date, retryTime: (attemptsBefore: number) => Date): Promise<LeakNotice | undefined>;
  /** Somebody was told of the leak: it has no other turn. */
  notified(id: TokenId, time: Date): Promise<void>;
}
