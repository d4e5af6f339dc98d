/** Something that a change touched: replicas drop their records of it. */
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

/** The registration of a replica. Another incarnation of the same replica is another registration. */
export interface Registration {
  /** UUIDs. */
  readonly replicaId: string;
  readonly incarnation: string;
}

/** A replica has applied everything up to the epoch `seen`. */
export interface Acknowledgement extends Registration {
  readonly seen: number;
}

/** Changes, all from one snapshot. */
export interface Changes {
  readonly epoch: number;
  readonly nonce: string;
  /** The changes after the epoch that was given, in order; cut off after `maxChanges`. */
  readonly changes: readonly RevocationChange[];
}

/** The answer to a renewal. */
export interface Renewal extends Changes {
  /** The database's clock, milliseconds since 1970. */
  readonly databaseTimeMs: number;
}

/** The most changes in one answer: a replica that is further behind drops everything. */
export const maxChanges = 1_000;

/** How far two monotonic clocks may drift apart during a lease, milliseconds. A wait for a lease is longer by this. */
export const leaseMarginMs = 300;

export interface LeaseRow extends Registration {
  readonly ackedEpoch: number;
  /** The lease of this replica, milliseconds; another replica may be configured differently. */
  readonly leaseMs: number;
  /** Incremented by each renewal: while it is the same, the lease has not been extended. */
  readonly renewal: number;
}

/** Epoch and leases in the one writable database. Methods fail with Failure DATABASE_UNAVAILABLE. */
export interface RevocationStore {
  /** Registers a replica. The registration is committed when this resolves; only then may the first renewal be sent. */
  register(registration: Registration, leaseMs: number): Promise<void>;
  /** Acknowledges `seen` and extends the lease, in one statement. Returns undefined without a registration. */
  renew(registration: Registration, seen: number): Promise<Renewal | undefined>;
  /** Reads the changes after `seen`. Writes nothing and extends no lease. */
  changesSince(seen: number): Promise<Changes>;
  /**
   * Records that the replica has applied everything up to `seen`, and notifies the revokers that wait for it. Extends
   * no lease. Returns false when the registration no longer exists. A crash of the database may lose the record; then
   * a revoker waits longer.
   */
  acknowledge(registration: Registration, seen: number): Promise<boolean>;
  /** Removes the registration at a graceful end: no revoker waits for the replica any more. */
  leave(registration: Registration): Promise<void>;
  /**
   * Returns the current epoch and every registration. Records in the same statement, as `acknowledge` does but without
   * notifying anybody, what this replica has applied.
   */
  leases(own?: Acknowledgement): Promise<{ readonly epoch: number; readonly rows: readonly LeaseRow[] }>;
  /**
   * Deletes registrations whose lease has run out; the caller has waited for that. A registration that was renewed
   * since it was read stays. A renewal that is on its way finds no registration and so gives no lease.
   */
  remove(rows: readonly Pick<LeaseRow, "replicaId" | "incarnation" | "renewal">[]): Promise<void>;
  /** Deletes changes older than the newest `keep` epochs. */
  trim(keep: number): Promise<void>;
  /**
   * Calls back after changes of any replica, with whether it was a change of this process, and when another replica has
   * acknowledged a change of this process; may miss some. Nothing but speed depends on what notifications say. Resolves
   * when it listens.
   */
  listen(onChange: (own: boolean) => void, onAcknowledged: () => void): Promise<Listening>;
}

export interface Listening {
  /** Whether notifications arrive now; a pooler in transaction mode swallows them. */
  notified(): boolean;
  stop(): Promise<void>;
}
