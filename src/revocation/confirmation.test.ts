import { describe, expect, it } from "vitest";
import { Acknowledgements } from "./acknowledgements.js";
import { confirmRevocation } from "./confirmation.js";
import { type LeaseRow, leaseMarginMs } from "./revocation-store.js";

const row = (over: Partial<LeaseRow> = {}): LeaseRow => ({
  replicaId: "replica",
  incarnation: "first",
  ackedEpoch: 6,
  leaseMs: 5_000,
  renewal: 1,
  ...over,
});

/**
 * Makes a store that returns these rows one after the other and then repeats the last one. Each reading takes 100 ms of
 * the monotonic clock.
 */
function setUp(readings: readonly (readonly LeaseRow[])[]) {
  let monotonicMs = 0;
  let reading = 0;
  const removed: string[] = [];
  const options = {
    monotonicMs: () => monotonicMs,
    sync: () => undefined,
    own: () => undefined,
    acknowledgements: new Acknowledgements(),
    notified: () => false,
    store: {
      async leases() {
        monotonicMs += 100;
        const rows = readings[Math.min(reading++, readings.length - 1)] ?? [];
        return { epoch: 7, rows };
      },
      async remove(rows: readonly Pick<LeaseRow, "replicaId" | "incarnation" | "renewal">[]) {
        removed.push(...rows.map(({ replicaId }) => replicaId));
      },
    },
  };
  return { options, removed, nowMs: () => monotonicMs };
}

describe("confirming a revocation", () => {
  it("returns at once when every replica has acknowledged", async () => {
    const { options, removed, nowMs } = setUp([[row({ ackedEpoch: 7 })]]);
    await confirmRevocation(options);
    expect([removed, nowMs()]).toEqual([[], 100]);
  });

  it("S4 waits for each replica's own lease from when it was read, and removes registrations that were not renewed", async () => {
    const short = row({ replicaId: "short", leaseMs: 700 });
    const { options, removed, nowMs } = setUp([[row({ leaseMs: 1_000 }), short]]);
    await confirmRevocation(options);
    expect(nowMs()).toBe(100 + 1_000 + leaseMarginMs);
    expect(removed).toEqual(["replica", "short"]);
  });

  it("S4 removes no registration that was renewed or made again while it waited", async () => {
    for (const since of [{ renewal: 2 }, { incarnation: "second", renewal: 1 }]) {
      const { options, removed } = setUp([[row({ leaseMs: 300 })], [row({ leaseMs: 300, ...since })]]);
      await confirmRevocation(options);
      expect(removed).toEqual([]);
    }
  });

  it("reads the leases once, when as many replicas as the last time have told that they have acknowledged", async () => {
    const { options, nowMs } = setUp([[row({ ackedEpoch: 7 }), row({ ackedEpoch: 7, replicaId: "other" })]]);
    await confirmRevocation(options);
    const confirmed = confirmRevocation({ ...options, notified: () => true });
    for (let told = 0; told < 2; told++) {
      expect(nowMs()).toBe(100);
      options.acknowledgements.hear();
    }
    await confirmed;
    expect(nowMs()).toBe(200);
  });

  it("reads the leases again when replicas tell nothing, because notifications may be lost", async () => {
    const { options, nowMs } = setUp([[row()], [row()], [row({ ackedEpoch: 7 })]]);
    await confirmRevocation({ ...options, notified: () => true });
    expect(nowMs()).toBe(300);
  });

  it("believes no notification: a replica that has not acknowledged is waited for", async () => {
    const { options, nowMs } = setUp([[row({ leaseMs: 1_000 })]]);
    const leases = () => {
      for (let told = 0; told < 10; told++) options.acknowledgements.hear();
      return options.store.leases();
    };
    await confirmRevocation({ ...options, store: { ...options.store, leases }, notified: () => true });
    expect(nowMs()).toBe(100 + 1_000 + leaseMarginMs);
  });

  it("succeeds although dead registrations could not be removed", async () => {
    const { options } = setUp([[row({ leaseMs: 300 })]]);
    const remove = () => Promise.reject(new Error("no database"));
    await confirmRevocation({ ...options, store: { ...options.store, remove } });
  });

  it.each([
    ["30 ms before a deadline", 700, 30],
    ["10 ms before a very short one: half of the time is left", 40, 10],
  ])("S23 gives up %s, so that its caller gets an answer", async (_what, leftMs, beforeMs) => {
    const { options } = setUp([[row()]]);
    const confirmed = confirmRevocation(
      { ...options, monotonicMs: () => performance.now() },
      performance.now() + leftMs,
    );
    // Timers of one process end in the order of their times, even when it is busy.
    let over = false;
    const timer = setTimeout(() => {
      over = true;
    }, leftMs - beforeMs);
    await expect(confirmed).rejects.toMatchObject({ reason: "REVOCATION_PENDING" });
    expect(over).toBe(false);
    clearTimeout(timer);
  });

  it("S23 gives up when the deadline is over", async () => {
    const { options } = setUp([[row()]]);
    await expect(confirmRevocation(options, -5)).rejects.toMatchObject({ reason: "REVOCATION_PENDING" });
  });

  it("S23 gives up also while the database does not answer", async () => {
    const { options } = setUp([]);
    const leases = () => new Promise<never>(() => undefined);
    const confirmed = confirmRevocation({ ...options, store: { ...options.store, leases } }, 200);
    await expect(confirmed).rejects.toMatchObject({ reason: "REVOCATION_PENDING" });
  });

  it("waits for a deadline of years as for none", async () => {
    const { options } = setUp([[row({ leaseMs: 300 })]]);
    await confirmRevocation(options, 1e12);
  });

  it("says that it is pending when the database fails", async () => {
    const { options } = setUp([]);
    const leases = () => Promise.reject(new Error("no database"));
    await expect(confirmRevocation({ ...options, store: { ...options.store, leases } })).rejects.toMatchObject({
      reason: "REVOCATION_PENDING",
    });
  });
});
