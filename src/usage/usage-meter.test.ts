import { describe, expect, it } from "vitest";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import { newTokenId } from "../domain/ids.js";
import type { Reason } from "../domain/reason.js";
import { type MeteredQuestion, type MeteredToken, UsageMeter, type UsageMeterOptions } from "./usage-meter.js";
import type { UsageCount } from "./usage-store.js";

const start = Date.UTC(2026, 2, 1, 12);
const hour = 3_600_000;

const alice: MeteredToken = {
  id: newTokenId(),
  kind: "pat",
  subject: "user:alice" as SubjectName,
  organization: undefined,
};
const bound: MeteredToken = { ...alice, id: newTokenId(), organization: "organization:acme" as SubjectName };
const acme: MeteredToken = {
  id: newTokenId(),
  kind: "oat",
  subject: "organization:acme" as SubjectName,
  organization: undefined,
};

/** Makes a meter with a clock that is set by hand, and records its events. */
function setUp(options: UsageMeterOptions = {}) {
  const told = { lost: 0, crowded: 0 };
  const meter = new UsageMeter({ onLost: () => told.lost++, onCrowded: () => told.crowded++, ...options });
  let nowMs = start;
  return {
    meter,
    told,
    at(ms: number) {
      nowMs = ms;
    },
    record(token: MeteredToken, over: Partial<MeteredQuestion> = {}, reason: Reason = "ALLOWED") {
      const question = { action: "viewer" as ActionName, usageUnits: undefined, usageId: "", ...over };
      meter.record(token, question, reason, nowMs);
    },
    /** Writes everything so far and returns, by hour, the counts and the units billed under ids. */
    writeAll() {
      meter.take();
      const batches = [];
      for (let next = meter.oldest; next; next = meter.oldest) {
        batches.push({ ...next, ...next.batch });
        meter.written();
      }
      return batches;
    },
  };
}

const shown = ({ tokenId, action, reason, count, units }: UsageCount) => [tokenId, action, reason, count, units];

describe("the usage meter", () => {
  it("counts each decision once, apart by token, action and reason", () => {
    const { record, writeAll } = setUp();
    const editor = { action: "editor" as ActionName };
    for (let round = 0; round < 3; round++) {
      record(alice);
      record(alice, editor);
      record(acme);
      record(alice, {}, "NOT_PERMITTED");
      record(alice, {}, "TOKEN_REVOKED");
    }
    record(alice);
    const [batch, ...others] = writeAll();
    expect(others).toEqual([]);
    expect(batch?.counts.map(shown)).toEqual([
      [alice.id, "viewer", "ALLOWED", 4, 4],
      [alice.id, "editor", "ALLOWED", 3, 3],
      [acme.id, "viewer", "ALLOWED", 3, 3],
      [alice.id, "viewer", "NOT_PERMITTED", 3, 0],
      [alice.id, "viewer", "TOKEN_REVOKED", 3, 0],
    ]);
    expect(writeAll()).toEqual([]);
  });

  it("names the organization that pays: the one that a token is bound to, or its subject", () => {
    const { record, writeAll } = setUp();
    for (const token of [alice, bound, acme]) record(token);
    expect(writeAll()[0]?.counts.map(({ subject, organization }) => [subject, organization])).toEqual([
      ["user:alice", ""],
      ["user:alice", "organization:acme"],
      ["organization:acme", "organization:acme"],
    ]);
  });

  it.each<[string, Reason, number | undefined, readonly [number, number]]>([
    ["1 when the question says nothing", "ALLOWED", undefined, [1, 1]],
    ["the units of the question", "ALLOWED", 7, [1, 7]],
    ["nothing for 0", "ALLOWED", 0, [1, 0]],
    ["nothing for a refusal", "NOT_PERMITTED", 7, [1, 0]],
    ["nothing for a token that is not usable", "TOKEN_EXPIRED", undefined, [1, 0]],
  ])("bills %s", (_, reason, usageUnits, expected) => {
    const { record, writeAll } = setUp();
    record(alice, { usageUnits }, reason);
    expect(writeAll()[0]?.counts.map(({ count, units }) => [count, units])).toEqual([expected]);
  });

  it("S29 a usage id is one request: the first of it is billed, and others count, whatever action and units they name", () => {
    const { record, writeAll } = setUp();
    record(alice, { usageId: "r1", usageUnits: 3 });
    record(alice, { usageId: "r1", usageUnits: 500, action: "editor" as ActionName });
    const [batch] = writeAll();
    expect(batch?.identified.map(({ usageId, units }) => [usageId, units])).toEqual([["r1", 3]]);
    expect(batch?.counts.map(({ action, count, units }) => [action, count, units])).toEqual([
      ["viewer", 1, 0],
      ["editor", 1, 0],
    ]);
  });

  it("bills under a usage id once for a subject, by the first that was allowed", () => {
    const { record, writeAll } = setUp();
    record(alice, { usageId: "r1", usageUnits: 9 }, "NOT_GRANTED");
    record(alice, { usageId: "r1", usageUnits: 0 });
    record(alice, { usageId: "r1", usageUnits: 3 });
    record(bound, { usageId: "r1", usageUnits: 5 });
    record(acme, { usageId: "r1" });
    record(alice, { usageId: "r2", usageUnits: 2 });
    record(alice);
    const [batch] = writeAll();
    expect(batch?.identified.map(({ usageId, units, of }) => [usageId, units, of.tokenId])).toEqual([
      ["r1", 3, alice.id],
      ["r1", 1, acme.id],
      ["r2", 2, alice.id],
    ]);
    // Only units without an id are billed beside them.
    expect(batch?.counts.reduce((sum, { units }) => sum + units, 0)).toBe(1);
    expect(batch?.counts.reduce((sum, { count }) => sum + count, 0)).toBe(7);
  });

  it("keeps hours apart, also when the clock is set back", () => {
    const { record, writeAll, at } = setUp();
    for (const ms of [start, start + hour - 1, start + hour, start + 5 * hour, start + 4 * hour]) {
      at(ms);
      record(alice);
    }
    expect(writeAll().map(({ hourMs, counts }) => [hourMs - start, counts[0]?.count])).toEqual([
      [0, 2],
      [hour, 1],
      [5 * hour, 1],
      [4 * hour, 1],
    ]);
  });

  it("returns the same batch under the same number until it is written, and the next one under a higher number", () => {
    const { meter, record } = setUp();
    record(alice);
    meter.take();
    const first = meter.oldest;
    expect(first?.sequence).toBe(1);
    record(alice);
    meter.take();
    expect(meter.oldest).toBe(first);
    expect(first?.batch.counts.map(({ count }) => count)).toEqual([1]);
    expect(meter.unwritten).toBe(2);
    meter.written();
    expect(meter.oldest?.sequence).toBe(2);
    expect(meter.unwritten).toBe(1);
    meter.written();
    expect([meter.oldest, meter.unwritten]).toEqual([undefined, 0]);
  });

  it("holds no more than its limit: new kinds are reported as lost, known ones are still counted", () => {
    const { meter, told, record, writeAll } = setUp({ many: 2, max: 3 });
    record(alice);
    record(alice, { usageId: "r1" });
    expect([told.crowded, meter.crowded]).toEqual([0, true]);
    meter.take();
    expect(meter.crowded).toBe(false);
    record(alice);
    record(acme);
    // An id that cannot be remembered is not counted: it is better not to bill a request than to bill it twice.
    record(alice, { usageId: "r2" });
    record(alice);
    expect(told.lost).toBe(1);
    const batches = writeAll();
    expect(
      batches.map(({ counts, identified }) => [counts.map(({ count, units }) => [count, units]), identified.length]),
    ).toEqual([
      [[[2, 1]], 1],
      [[[3, 2]], 0],
    ]);
    // There is room again.
    record(acme);
    expect([told.lost, meter.unwritten]).toEqual([1, 1]);
  });

  it("asks to be written when it is crowded", () => {
    const { told, record } = setUp({ many: 2, max: 10 });
    for (const action of ["a", "b", "a", "b"]) record(alice, { action: action as ActionName });
    expect(told.crowded).toBe(0);
    record(alice, { action: "c" as ActionName });
    expect(told.crowded).toBe(1);
  });
});
