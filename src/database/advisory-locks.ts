/** The numbers of our PostgreSQL advisory locks. No other program may use them in the same database. */
export const advisoryLocks = {
  migration: 1_472_665_730,
  /** Held by the process that adds events to the audit chain. */
  seal: 1_472_665_731,
  /** Held by the process that deletes old events from the audit chain. */
  cut: 1_472_665_732,
  signingKeys: 1_472_665_733,
} as const;
