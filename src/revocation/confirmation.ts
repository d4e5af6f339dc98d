import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure/failure.js";
import { leaseMarginMs, type RevocationStore } from "../store/revocation-store.js";

export interface ConfirmationOptions {
  readonly store: Pick<RevocationStore, "leases" | "removeStale">;
  /** The monotonic clock, milliseconds. */
  readonly monotonicMs: () => number;
  /** Lets this process renew its own lease without waiting for the notification. */
  readonly hint: () => void;
}

const firstPollMs = 3;
const longestPollMs = 20;

/**
 * Waits until every replica goes by what was committed before the call: each has acknowledged the epoch as it is now, or its lease must have run out. This
 * replica is one of them. A repeat of a change that was stored earlier waits in the same way, since the epoch as it is now is not below its own. Throws
 * REVOCATION_PENDING when `deadline` (`performance.now()`) or the database does not let it be confirmed: the change is stored, a repeat confirms it.
 */
export async function confirmRevocation(
  { store, monotonicMs, hint }: ConfirmationOptions,
  deadline = Number.POSITIVE_INFINITY,
): Promise<void> {
  const committedBy = monotonicMs();
  hint();
  try {
    let { epoch, rows } = await store.leases();
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.25, longestPollMs)) {
      const waitedMs = monotonicMs() - committedBy;
      const behind = rows.filter(({ ackedEpoch, leaseMs }) => ackedEpoch < epoch && waitedMs < leaseMs + leaseMarginMs);
      if (behind.length === 0) return;
      if (behind.some(({ stale }) => stale)) await store.removeStale();
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Failure("REVOCATION_PENDING");
      await sleep(Math.min(pollMs, leftMs));
      // Only the rows: changes that come later are their own callers' to wait for.
      ({ rows } = await store.leases());
    }
  } catch (error) {
    if (error instanceof Failure && error.reason === "REVOCATION_PENDING") throw error;
    throw new Failure("REVOCATION_PENDING", { cause: error });
  }
}
