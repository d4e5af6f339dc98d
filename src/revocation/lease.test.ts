import { describe, expect, it } from "vitest";
import { Lease } from "./lease.js";
import { leaseMarginMs, type Renewal, type RevocationChange, type Touched } from "./revocation-store.js";

const leaseMs = 5_000;
const at = (monotonicMs: number, wallMs = monotonicMs) => ({ monotonicMs, wallMs });
const change = (epoch: number, key: string, kind: Touched["kind"] = "token"): RevocationChange => ({
  epoch,
  kind,
  key,
});
const names = (tokenId: string) => ({ tokenId, subjects: ["user:alice"], scopes: ["user"] });

function setUp(maxRemembered?: number) {
  const dropped: string[] = [];
  const lease = new Lease({
    leaseMs,
    drop: (touched) => dropped.push(...touched.map(({ kind, key }) => `${kind} ${key}`.trim())),
    ...(maxRemembered !== undefined && { maxRemembered }),
  });
  const renew = (epoch: number, changes: readonly RevocationChange[] = [], sentAt = 0, over: Partial<Renewal> = {}) =>
    lease.renewed(at(sentAt), { epoch, nonce: `nonce ${epoch}`, changes, databaseTimeMs: sentAt, ...over }, at(sentAt));
  return { lease, dropped, renew };
}

describe("Lease", () => {
  it("starts without a lease, and drops everything at the first renewal", () => {
    const { lease, dropped, renew } = setUp();
    expect(lease.isLive(at(0))).toBe(false);
    expect(lease.mayKeep(names("a"), 100)).toBe(false);
    expect(renew(7)).toBe("behind");
    expect(renew(7)).toBe("current");
    expect(lease.seen).toBe(7);
    expect(lease.isLive(at(0))).toBe(true);
    expect(dropped).toEqual(["everything"]);
    expect(lease.mayKeep(names("a"), 6)).toBe(false);
    expect(lease.mayKeep(names("a"), 7)).toBe(true);
  });

  it("counts from the moment the renewal was sent, and never shortens", () => {
    const { lease, renew } = setUp();
    renew(1, [], 1_000);
    lease.renewed(at(500), { epoch: 1, nonce: "nonce 1", changes: [], databaseTimeMs: 1_100 }, at(4_000));
    expect(lease.isLive(at(5_999))).toBe(true);
    expect(lease.isLive(at(6_000))).toBe(false);
  });

  it("is not extended by changes without a renewal, which still drop what they name", () => {
    const { lease, dropped, renew } = setUp();
    renew(1);
    dropped.length = 0;
    const news = { epoch: 2, nonce: "nonce 2", changes: [change(2, "a")] };
    expect(lease.apply(news)).toBe("behind");
    expect(lease.apply({ ...news, changes: [] })).toBe("current");
    expect([lease.seen, dropped]).toEqual([2, ["token a"]]);
    expect(lease.isLive(at(leaseMs - 1))).toBe(true);
    expect(lease.isLive(at(leaseMs))).toBe(false);
  });

  it("is none at all with a lease of 0", () => {
    const lease = new Lease({ leaseMs: 0, drop: () => undefined });
    lease.renewed(at(0), { epoch: 1, nonce: "", changes: [], databaseTimeMs: 0 }, at(0));
    expect(lease.isLive(at(0))).toBe(false);
  });

  it("drops only what changes name, and keeps no older reading of it", () => {
    const { lease, dropped, renew } = setUp();
    renew(3);
    dropped.length = 0;
    expect(renew(5, [change(4, "a"), change(5, "user:bob", "subject"), change(5, "user", "policy")])).toBe("behind");
    expect(dropped).toEqual(["token a", "subject user:bob", "policy user"]);
    expect(lease.mayKeep({ ...names("a"), scopes: [] }, 3)).toBe(false);
    expect(lease.mayKeep({ ...names("a"), scopes: [] }, 4)).toBe(true);
    expect(lease.mayKeep({ ...names("b"), scopes: [] }, 3)).toBe(true);
    expect(lease.mayKeep({ tokenId: "b", subjects: ["user:bob"], scopes: [] }, 4)).toBe(false);
    expect(lease.mayKeep(names("b"), 4)).toBe(false);
    expect(lease.mayKeep(names("b"), 5)).toBe(true);
  });

  it("drops everything where the list of changes has a gap or was cut off", () => {
    const { lease, dropped, renew } = setUp();
    renew(3);
    dropped.length = 0;
    renew(6, [change(4, "a"), change(6, "b")]);
    expect(dropped).toEqual(["everything"]);
    expect(lease.mayKeep(names("c"), 5)).toBe(false);
    dropped.length = 0;
    renew(
      2_000,
      Array.from({ length: 1_001 }, (_, index) => change(7 + index, String(index))),
    );
    expect(dropped).toEqual(["everything"]);
    dropped.length = 0;
    renew(2_001, [change(2_001, "", "everything")]);
    expect(dropped).toContain("everything");
    expect(lease.mayKeep(names("c"), 2_000)).toBe(false);
  });

  it("remembers a limited number of changes, and keeps no reading from before those that it forgot", () => {
    const { lease, renew } = setUp(2);
    renew(3);
    renew(6, [change(4, "a"), change(5, "b"), change(6, "c")]);
    expect(lease.mayKeep(names("z"), 3)).toBe(false);
    expect(lease.mayKeep(names("z"), 4)).toBe(true);
    expect(lease.mayKeep(names("b"), 4)).toBe(false);
  });

  it("drops everything when its registration is lost", () => {
    const { lease, dropped, renew } = setUp();
    renew(3);
    lease.lost();
    expect(lease.isLive(at(1))).toBe(false);
    expect(lease.seen).toBe(0);
    expect(dropped).toEqual(["everything", "everything"]);
    expect(lease.mayKeep(names("a"), 1_000)).toBe(false);
  });

  it.each<[string, number, Partial<Renewal>]>([
    ["a lower epoch", 2, {}],
    ["the same epoch with another nonce", 3, { nonce: "other" }],
  ])("halts forever at %s: history was lost", (_what, epoch, over) => {
    const { lease, renew } = setUp();
    renew(3);
    expect(renew(epoch, [], 10, over)).toBe("history-lost");
    expect(lease.halted).toBe(true);
    expect(renew(9, [], 20)).toBe("history-lost");
    expect(lease.isLive(at(21))).toBe(false);
  });

  it("LP-12 reads the database for ten minutes when the machine stood still: more time passed there than here", () => {
    const { lease, renew } = setUp();
    renew(3, [], 1_000);
    const sentAt = 2_000;
    expect(renew(3, [], sentAt, { databaseTimeMs: 2_000 + leaseMarginMs + 1 })).toBe("clock-stopped");
    expect(lease.isLive(at(sentAt))).toBe(false);
    expect(renew(3, [], sentAt + 599_000, { databaseTimeMs: sentAt + 599_000 })).toBe("current");
    expect(lease.isLive(at(sentAt + 599_000))).toBe(false);
    renew(3, [], sentAt + 600_000, { databaseTimeMs: sentAt + 600_000 });
    expect(lease.isLive(at(sentAt + 600_000))).toBe(true);
  });

  it("does not take a slow answer for a machine that stood still", () => {
    const { lease, renew } = setUp();
    renew(3, [], 1_000);
    // Sent at 2,000, executed at 3,500, answered at 3,600.
    const slow = { epoch: 3, nonce: "nonce 3", changes: [], databaseTimeMs: 3_500 };
    expect(lease.renewed(at(2_000), slow, at(3_600))).toBe("current");
  });

  it("drops the lease when wall clock and monotonic clock no longer agree", () => {
    const { lease, renew } = setUp();
    renew(3, [], 1_000);
    expect(lease.isLive(at(1_100, 1_350))).toBe(true);
    expect(lease.isLive(at(1_100, 1_351))).toBe(false);
    expect(lease.isLive(at(1_101))).toBe(false);
    renew(3, [], 1_200);
    expect(lease.isLive(at(1_201))).toBe(true);
  });

  it.each<[string, number | undefined]>([
    ["the first one", undefined],
    ["one with a lease before it", 900],
  ])("S4 gets no lease from a renewal that was on its way while the machine was suspended: %s", (_what, before) => {
    const { lease, renew } = setUp();
    if (before !== undefined) renew(3, [], before);
    const sent = at(1_000);
    // The database answers at once; the monotonic clock does not count the minute during which the machine sleeps.
    const answer = { epoch: 3, nonce: "nonce 3", changes: [], databaseTimeMs: 1_001 };
    const awake = at(1_002, 61_002);
    lease.renewed(sent, answer, awake);
    expect([lease.remainingMs(awake), lease.isLive(awake)]).toEqual([0, false]);
    // The next renewal is sent by an awake machine.
    const next = at(1_003, 61_003);
    lease.renewed(next, { ...answer, databaseTimeMs: 1_004 }, next);
    expect(lease.remainingMs(next)).toBe(leaseMs);
  });

  it("S4 tolerates clocks that drift a little while a renewal is on its way", () => {
    const { lease } = setUp();
    const answer = { epoch: 3, nonce: "nonce 3", changes: [], databaseTimeMs: 1_001 };
    lease.renewed(at(1_000), answer, at(1_100, 1_350));
    expect(lease.isLive(at(1_100, 1_350))).toBe(true);
    expect(lease.isLive(at(1_101, 1_352))).toBe(false);
  });

  it("S4 notices each suspension that is longer than a revoker's margin", () => {
    const { lease, renew } = setUp();
    renew(3, [], 1_000);
    expect(lease.isLive(at(1_001, 1_001 + leaseMarginMs))).toBe(false);
  });
});
