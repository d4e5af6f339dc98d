import { Failure } from "../domain/errors.js";
import type { Acknowledgements } from "./acknowledgements.js";
import { type Acknowledgement, type LeaseRow, leaseMarginMs, type RevocationStore } from "./revocation-store.js";

export interface ConfirmationOptions {
  readonly store: Pick<RevocationStore, "leases" | "remove">;
  /** Returns what this replica has applied; undefined without a lease. */
  readonly own: () => Acknowledgement | undefined;
  /** The monotonic clock, milliseconds. Waits for leases use only this clock, since nobody can set it. */
  readonly monotonicMs: () => number;
  /** Makes this process apply changes without waiting for the notification. */
  readonly sync: () => void;
  readonly acknowledgements: Acknowledgements;
  /** Returns whether notifications arrive. Otherwise the leases are read often. */
  readonly notified: () => boolean;
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
  const leftMs = deadline - options.monotonicMs();
  const call = { isOver: false };
  let timer: NodeJS.Timeout | undefined;
  try {
    const confirmed = everyReplica(options, call);
    if (leftMs === Number.POSITIVE_INFINITY) return await confirmed;
    // Half of a very short time is left for the answer.
    const waitMs = Math.min(Math.max(leftMs / 2, leftMs - answerMs), longestTimerMs);
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the deadline is over")), waitMs);
    });
    await Promise.race([confirmed, tooLate]);
  } catch (cause) {
    throw new Failure("REVOCATION_PENDING", { cause });
  } finally {
    clearTimeout(timer);
    call.isOver = true;
  }
}

async function everyReplica(
  { store, own, monotonicMs, sync, acknowledgements, notified }: ConfirmationOptions,
  call: { readonly isOver: boolean },
): Promise<void> {
  let pollMs = firstPollMs;
  const nextPollMs = (): number => {
    const waitMs = notified() ? longestPollMs : pollMs;
    pollMs = Math.min(pollMs * 1.25, longestPollMs);
    return waitMs;
  };
  if (!notified()) sync();
  // Mostly every replica has acknowledged the change after this, and one reading of the leases is enough.
  await acknowledgements.reach(acknowledgements.expected, nextPollMs());
  let { heard } = acknowledgements;
  const { epoch, rows: first } = await store.leases(own());
  // Every lease in this answer was counted from before this instant. A lease that was renewed since has seen the epoch.
  const readAt = monotonicMs();
  let rows = first;
  while (!call.isOver) {
    const waitedMs = monotonicMs() - readAt;
    const behind = rows.filter(({ ackedEpoch }) => ackedEpoch < epoch);
    if (behind.every(({ leaseMs }) => waitedMs >= leaseMs + leaseMarginMs)) {
      acknowledgements.settle(rows.length - behind.length);
      const dead = behind.filter((row) => first.some((before) => isSameLease(before, row)));
      // Then the next revoker need not wait for these replicas. If the removal fails, the next revoker does it.
      if (dead.length > 0) await store.remove(dead).catch(() => undefined);
      return;
    }
    // The notification of the change may be lost.
    if (rows === first) sync();
    await acknowledgements.reach(heard + behind.length, nextPollMs());
    ({ heard } = acknowledgements);
    // Only the rows are updated: the callers of later changes wait for those changes themselves.
    ({ rows } = await store.leases(own()));
  }
}

function isSameLease(before: LeaseRow, after: LeaseRow): boolean {
  return before.incarnation === after.incarnation && before.renewal === after.renewal;
}
