import { Acknowledgements } from "./acknowledgements.js";
import { confirmRevocation } from "./confirmation.js";
import type { Lease, LeaseOptions, Now } from "./lease.js";
import { Replica, type ReplicaProblem } from "./replica.js";
import type { RevocationStore } from "./revocation-store.js";
import { TokenCache } from "./token-cache.js";

export interface RevocationOptions {
  readonly store: RevocationStore;
  /** 0: nothing is cached. */
  readonly leaseMs: number;
  readonly maxBytes: number;
  readonly onProblem: (problem: ReplicaProblem | undefined) => void;
  readonly createLease?: (options: LeaseOptions) => Lease;
}

/** The part of a replica that makes a revocation take effect on every replica. */
export interface Revocation {
  readonly cache: TokenCache;
  /** Returns the milliseconds left of the lease; not above 0 without one. */
  leaseMs(): number;
  /** Returns whether notifications of other replicas' changes arrive. */
  notified(): boolean;
  start(): Promise<void>;
  /**
   * Resolves when every replica has applied what was committed before. Throws REVOCATION_PENDING at `deadline` of
   * `performance.now()`.
   */
  confirm(deadline?: number): Promise<void>;
  stop(): Promise<void>;
}

const now = (): Now => ({ monotonicMs: performance.now(), wallMs: Date.now() });

export function createRevocation({ store, leaseMs, maxBytes, onProblem, createLease }: RevocationOptions): Revocation {
  const cache = new TokenCache({ maxBytes, leaseMs, now, ...(createLease && { createLease }) });
  const acknowledgements = new Acknowledgements();
  const onAcknowledged = () => acknowledgements.hear();
  // Without a lease there is nothing to register, and no revoker waits for this replica.
  const replica =
    leaseMs > 0 ? new Replica({ store, lease: cache.lease, leaseMs, now, onAcknowledged, onProblem }) : undefined;
  const notified = () => replica?.notified ?? false;
  const confirming = {
    ...{ store, acknowledgements, notified },
    monotonicMs: () => performance.now(),
    sync: () => replica?.sync(),
    own: () => replica?.acknowledgement,
  };
  const confirm = (deadline?: number) => confirmRevocation(confirming, deadline);
  return {
    cache,
    leaseMs: () => cache.lease.remainingMs(now()),
    notified,
    start: async () => replica?.start(),
    confirm: (deadline) => (replica ? replica.whileConfirming(() => confirm(deadline)) : confirm(deadline)),
    stop: async () => replica?.stop(),
  };
}
