import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../domain/errors.js";
import { type LeaseRow, leaseMarginMs, type RevocationStore } from "./revocation-store.js";

export interface ConfirmationOptions {
  readonly store: Pick<RevocationStore, "leases" | "remove">;
  /**
   * The monotonic clock, milliseconds: the only one that a wait for a lease may rely on, since no hand and no time
   * server can set it.
   */
  readonly monotonicMs: () => number;
  /** Makes this process apply changes without waiting for the notification. */
  readonly sync: () => void;
}

const firstPollMs = 3;
const longestPollMs = 20;
/**
 * The answer needs so long to its caller: waiting ends so much before the deadline, so that the caller is told what
 * became of the change.
 */
const answerMs = 50;
const longestTimerMs = 2 ** 31 - 1;

/**
 * Waits until every replica has applied what was committed before the call: each has acknowledged the epoch as it is
 * now, or its lease must have run out. This replica is one of them. A repeat of a change that was stored earlier waits
 * in the same way, since the epoch as it is now is not below its own. Throws REVOCATION_PENDING when `deadline` (of the
 * monotonic clock) or the database does not let it be confirmed: the change is stored, a repeat confirms it.
 */
export async function confirmRevocation(
  options: ConfirmationOptions,
  deadline = Number.POSITIVE_INFINITY,
): Promise<void> {
  options.sync();
  const leftMs = deadline - options.monotonicMs();
  const over = new AbortController();
  try {
    const confirmed = everyReplica(options, over.signal);
    if (leftMs === Number.POSITIVE_INFINITY) return await confirmed;
    // Half of a very short time is left for the answer.
    const waitMs = Math.min(Math.max(leftMs / 2, leftMs - answerMs), longestTimerMs);
    await Promise.race([confirmed, sleep(waitMs, undefined, { signal: over.signal }).then(() => pending())]);
  } catch (error) {
    throw error instanceof Failure && error.reason === "REVOCATION_PENDING" ? error : pending(error);
  } finally {
    over.abort();
  }
}

async function everyReplica(
  { store, monotonicMs }: Pick<ConfirmationOptions, "store" | "monotonicMs">,
  signal: AbortSignal,
): Promise<void> {
  const { epoch, rows: first } = await store.leases();
  // Every lease that this answer shows was counted from before it; one that was renewed since has seen the epoch.
  const readAt = monotonicMs();
  let rows = first;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.25, longestPollMs)) {
    const waitedMs = monotonicMs() - readAt;
    const behind = rows.filter(({ ackedEpoch }) => ackedEpoch < epoch);
    if (behind.every(({ leaseMs }) => waitedMs >= leaseMs + leaseMarginMs)) {
      const dead = behind.filter((row) => first.some((before) => isSameLease(before, row)));
      // So that the next one need not wait for them. Where it fails, that one does it.
      if (dead.length > 0) await store.remove(dead).catch(() => undefined);
      return;
    }
    await sleep(pollMs, undefined, { signal });
    // Only the rows: changes that come later are their own callers' to wait for.
    ({ rows } = await store.leases());
  }
}

function isSameLease(before: LeaseRow, after: LeaseRow): boolean {
  return before.incarnation === after.incarnation && before.renewal === after.renewal;
}

function pending(cause?: unknown): never {
  throw new Failure("REVOCATION_PENDING", cause === undefined ? {} : { cause });
}
