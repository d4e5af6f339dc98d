import type { AuditEvent } from "../domain/audit-event.js";
import type { Revocation, TokenId, TokenRecord } from "../domain/token.js";
import type { Leak, LeakNotice } from "./leak.js";

/** The change that a report makes to one leaked token. */
export interface LeakChange {
  /** Stored unless the token has an earlier report: only the first one is kept. */
  readonly leak: Leak;
  readonly event: AuditEvent;
  /** Whether the token is revoked. */
  readonly revokes: boolean;
}

/** Reported leaks and their notifications. Methods fail with Failure DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN. */
export interface LeakStore {
  /**
   * Locks the row of each token, calls `decide` with its facts and with whether a leak was reported before, and writes
   * the change that it returns; undefined writes nothing. All changes are written or none. About a hundred tokens at a
   * time work well. `decide` must not wait for anything.
   */
  report(
    ids: readonly TokenId[],
    revocation: Revocation,
    decide: (token: TokenRecord, reportedBefore: boolean) => LeakChange | undefined,
  ): Promise<void>;
  /**
   * Takes one leak whose notification is due, for this process alone. It is due again at the time that `retryTime`
   * returns. Returns undefined when none is due.
   */
  claim(now: Date, retryTime: (attemptsBefore: number) => Date): Promise<LeakNotice | undefined>;
  /** Records that the notification was sent, so that it is not sent again. */
  notified(id: TokenId, time: Date): Promise<void>;
}
