/** How long a caller waits. Read again while it does, so a call's own context may be passed. */
export interface CallOptions {
  /**
   * Instant of `performance.now()` after which the caller gets DEADLINE_EXCEEDED. A time-out of what is asked also
   * applies; the earlier wins.
   */
  readonly deadline?: number | undefined;
  /** Whether the caller has gone: what has not been sent yet need not be sent. */
  readonly cancelled?: boolean;
}
