import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../domain/errors.js";
import { type LeaseRow, leaseMarginMs, type RevocationStore } from "./revocation-store.js";

export interface ConfirmationOptions {
  readonly store: Pick<RevocationStore, "leases" | "remove">;
  /** The monotonic clock, milliseconds. Waits for leases use only this clock, since nobody can set it. */
  readonly monotonicMs: () => number;
  /** Makes this process apply changes without waiting for the notification. */
  readonly sync: () => void;
}

const firstPollMs = 3;
const longestPollMs = 20;
/**
 * The time that the answer needs to reach its caller, milliseconds: waiting ends this long before the deadline, so that
 * the caller learns the result of the change.
 */
const answerMs = 50;
const longestTimerMs = 2 ** 31 - 1;

/**
 * Waits until every replica has applied what was committed before the call. For each replica, either it has
 * acknowledged the current epoch, or its lease must have run out. This replica is one of them. A repeat of a change
 * that was stored earlier waits in the same way, since the current epoch is not below that of the change. Throws
 * REVOCATION_PENDING when `deadline` (of the monotonic clock) passes or the database fails before that: the change is
 * stored, and a repeat confirms it.
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
  // Every lease in this answer was counted from before this instant. A lease that was renewed since has seen the epoch.
  const readAt = monotonicMs();
  let rows = first;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.25, longestPollMs)) {
    const waitedMs = monotonicMs() - readAt;
    const behind = rows.filter(({ ackedEpoch }) => ackedEpoch < epoch);
    if (behind.every(({ leaseMs }) => waitedMs >= leaseMs + leaseMarginMs)) {
      const dead = behind.filter((row) => first.some((before) => isSameLease(before, row)));
      // Then the next revoker need not wait for these replicas. If the removal fails, the next revoker does it.
      if (dead.length > 0) await store.remove(dead).catch(() => undefined);
      return;
    }
    await sleep(pollMs, undefined, { signal });
    // Only the rows are updated: the callers of later changes wait for those changes themselves.
    ({ rows } = await store.leases());
  }
}

function isSameLease(before: LeaseRow, after: LeaseRow): boolean {
  return before.incarnation === after.incarnation && before.renewal === after.renewal;
}

function pending(cause?: unknown): never {
  throw new Failure("REVOCATION_PENDING", cause === undefined ? {} : { cause });
}
