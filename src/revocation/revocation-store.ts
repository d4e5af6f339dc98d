/** Something that a change touched: replicas drop what they keep of it. */
export interface Touched {
  readonly kind: "token" | "subject" | "policy" | "everything";
  /**
   * A token's id, a subject's name, a policy's scope (`user`, `organization` or the name of an organization), or
   * empty.
   */
  readonly key: string;
}

export interface RevocationChange extends Touched {
  readonly epoch: number;
}

/** A registration of a replica: another incarnation is another one. */
export interface Registration {
  /** UUIDs. */
  readonly replicaId: string;
  readonly incarnation: string;
}

/** Changes, all out of one snapshot. */
export interface Changes {
  readonly epoch: number;
  readonly nonce: string;
  /** Those after the epoch asked from, in order; cut off after `maxChanges`. */
  readonly changes: readonly RevocationChange[];
}

/** The answer to a renewal. */
export interface Renewal extends Changes {
  /** The database's clock, milliseconds since 1970. */
  readonly databaseTimeMs: number;
}

/** Most changes of one answer: a replica that is further behind drops everything. */
export const maxChanges = 1_000;

/**
 * How far two monotonic clocks may drift apart in a lease, milliseconds. A wait for the end of a lease is so much
 * longer.
 */
export const leaseMarginMs = 300;

export interface LeaseRow extends Registration {
  readonly ackedEpoch: number;
  /** As the replica itself counts it; another replica's may be configured otherwise. */
  readonly leaseMs: number;
  /** Raised by each renewal: as long as it is the same, the lease has not been extended. */
  readonly renewal: number;
}

/** Epoch and leases in the one writable database. Methods fail with Failure DATABASE_UNAVAILABLE. */
export interface RevocationStore {
  /** Committed when it returns; only then may the first renewal be sent. */
  register(registration: Registration, leaseMs: number): Promise<void>;
  /**
   * Acknowledges `seen` and extends the lease, in one statement. Returns undefined when there is no such registration
   * any more.
   */
  renew(registration: Registration, seen: number): Promise<Renewal | undefined>;
  /** Reads the changes after `seen`; writes nothing and extends no lease. */
  changesSince(seen: number): Promise<Changes>;
  /**
   * Records that the replica has applied everything up to `seen`; extends no lease. Returns false when there is no
   * such registration any more. A crash of the database may lose it, so that a revoker waits longer.
   */
  acknowledge(registration: Registration, seen: number): Promise<boolean>;
  /** A graceful end: nobody waits for the replica any more. */
  leave(registration: Registration): Promise<void>;
  /** The epoch as it is now, and every registration. */
  leases(): Promise<{ readonly epoch: number; readonly rows: readonly LeaseRow[] }>;
  /**
   * Deletes registrations whose lease has run out, as their reader has waited for it. One that was renewed since it
   * was read stays; a renewal that is on its way finds no registration, and so gives no lease.
   */
  remove(rows: readonly Pick<LeaseRow, "replicaId" | "incarnation" | "renewal">[]): Promise<void>;
  /** Forgets changes older than the newest `keep` epochs. */
  trim(keep: number): Promise<void>;
  /**
   * Calls back after each change of any replica, as well as it can: a notification carries no data. Resolves when it
   * listens.
   */
  listen(onChange: () => void): Promise<Listening>;
}

export interface Listening {
  /** Whether notifications arrive now; a pooler in transaction mode swallows them. */
  notified(): boolean;
  stop(): Promise<void>;
}
