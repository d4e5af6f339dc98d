/** How long a caller waits. The fields are read again during the call, so the context of a call may be passed. */
export interface CallOptions {
  /**
   * The instant of `performance.now()` after which the caller gets DEADLINE_EXCEEDED. The timeout of the called service
   * also applies; the earlier one wins.
   */
  readonly deadline?: number | undefined;
  /** Whether the caller has gone away. Requests that were not sent yet need not be sent. */
  readonly cancelled?: boolean;
}
