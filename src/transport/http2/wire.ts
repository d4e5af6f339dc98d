/** Where octets of a connection go: a socket, or a script of a test. */
export interface Wire {
  /**
   * Sends octets, which nobody changes afterwards. Returns false when they had to be queued: `Connection.drained` is
   * called once they have been sent.
   */
  write(octets: Uint8Array): boolean;
  /** Joins the writes until `uncork` into one. */
  cork(): void;
  uncork(): void;
  /** Octets that `write` has queued. */
  readonly unsent: number;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  /** Calls `Connection.flush` when everything that can run in this turn of the event loop has run. */
  flushSoon(): void;
  /** Calls `Connection.turn` in the next turn of the event loop. */
  turnSoon(): void;
  /** Sends what is queued, then closes this side. */
  end(): void;
  destroy(): void;
}
