import { describe, expect, it } from "vitest";
import { newSecretId, newTokenId } from "../domain/ids.js";
import type { TokenUse } from "../domain/last-use-store.js";
import { type Address, parseAddress } from "../domain/network.js";
import { RecentUses, type UsedToken } from "./recent-uses.js";

const start = Date.UTC(2026, 2, 1, 12);
const second = 1_000;

const token = (): UsedToken => ({ id: newTokenId(), secretId: newSecretId() });
const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
};
const secretsOf = (uses: readonly TokenUse[]) => uses.map(({ secretId }) => secretId);
const store = (uses: RecentUses, taken: readonly TokenUse[]) => uses.stored(taken, new Set(secretsOf(taken)));

describe("recent uses", () => {
  it("return the first use after a pause at once, with its time and address", () => {
    const uses = new RecentUses();
    const [used, silent] = [token(), token()];
    expect(uses.note(used, address("192.0.2.1"), start)).toBe(true);
    expect(uses.note(silent, undefined, start + 1)).toBe(true);
    expect(uses.note(used, address("2001:db8::1"), start + 2)).toBe(false);
    expect(uses.takeFresh(start + 3)).toEqual([
      { tokenId: used.id, secretId: used.secretId, time: new Date(start + 2), address: "2001:db8::1" },
      { tokenId: silent.id, secretId: silent.secretId, time: new Date(start + 1), address: undefined },
    ]);
    expect(uses.takeFresh(start + 4)).toEqual([]);
    expect(uses.takeDue(start + 4)).toEqual([]);
  });

  it("LU-1 LU-4 need one write per secret and interval, however often it is used, and return the last use within a minute", () => {
    const uses = new RecentUses();
    const used = token();
    const writes: (readonly [number, number])[] = [];
    // Used every second for three minutes, and then no more.
    for (let now = 0; now <= 300; now++) {
      const nowMs = start + now * second;
      const first = now <= 180 && uses.note(used, undefined, nowMs);
      const taken = first ? uses.takeFresh(nowMs) : now % 5 === 0 ? uses.takeDue(nowMs) : [];
      store(uses, taken);
      for (const { time } of taken) writes.push([now, (time.getTime() - start) / second]);
    }
    expect(writes).toEqual([
      [0, 0],
      [50, 50],
      [100, 100],
      [150, 150],
      [200, 180],
    ]);
  });

  it("return again the uses that could not be stored", () => {
    const uses = new RecentUses();
    const [held, free] = [token(), token()];
    for (const one of [held, free]) uses.note(one, undefined, start);
    const taken = uses.takeFresh(start);
    uses.stored(taken, new Set([free.secretId]));
    // Not at once: another transaction that locks the row may hold it for long.
    expect(uses.takeDue(start)).toEqual([]);
    uses.retry();
    expect(secretsOf(uses.takeDue(start + 5 * second))).toEqual([held.secretId]);
  });

  it("keep a use that happened while an older one was written", () => {
    const uses = new RecentUses();
    const used = token();
    uses.note(used, undefined, start);
    const taken = uses.takeFresh(start);
    uses.note(used, undefined, start + 1);
    store(uses, taken);
    expect(uses.takeDue(start + 50 * second).map(({ time }) => time)).toEqual([new Date(start + 1)]);
  });

  it("forget a stored use of a secret that is no longer used, so that the next use is a first one", () => {
    const uses = new RecentUses();
    const used = token();
    uses.note(used, undefined, start);
    store(uses, uses.takeFresh(start));
    expect(uses.takeDue(start + 50 * second)).toEqual([]);
    expect(uses.note(used, undefined, start + 51 * second)).toBe(true);
  });

  it("return every use that is not stored at the end, and no other", () => {
    const uses = new RecentUses();
    const [done, again, fresh] = [token(), token(), token()];
    for (const one of [done, again]) uses.note(one, undefined, start);
    store(uses, uses.takeFresh(start));
    uses.note(again, undefined, start + 1);
    uses.note(fresh, undefined, start + 1);
    expect(secretsOf(uses.takeAny(start + 2))).toEqual([fresh.secretId, again.secretId]);
  });

  it("remember no more than the limit: stored uses are dropped, others stay", () => {
    const uses = new RecentUses({ max: 2 });
    const [a, b, c, d] = [token(), token(), token(), token()];
    uses.note(a, undefined, start);
    store(uses, uses.takeFresh(start));
    uses.note(b, undefined, start);
    expect(uses.note(c, undefined, start + 1)).toBe(true);
    expect(uses.note(d, undefined, start + 2)).toBe(false);
    expect(secretsOf(uses.takeAny(start + 3))).toEqual([b.secretId, c.secretId]);
  });

  it("are taken in batches, each once, until none is left", () => {
    const uses = new RecentUses({ batch: 2 });
    const tokens = Array.from({ length: 5 }, token);
    const takeAll = (take: () => readonly TokenUse[]) => {
      const batches: number[] = [];
      const taken: TokenUse[] = [];
      for (let batch = take(); batch.length > 0; batch = take()) {
        batches.push(batch.length);
        taken.push(...batch);
        store(uses, batch);
      }
      expect(new Set(secretsOf(taken)).size).toBe(taken.length);
      return batches;
    };
    const useAll = (nowMs: number) => {
      for (const one of tokens) uses.note(one, undefined, nowMs);
    };
    useAll(start);
    expect(takeAll(() => uses.takeFresh(start))).toEqual([2, 2, 1]);
    useAll(start + 1);
    expect(takeAll(() => uses.takeDue(start + 49 * second))).toEqual([]);
    expect(takeAll(() => uses.takeDue(start + 50 * second))).toEqual([2, 2, 1]);
    useAll(start + 51 * second);
    expect(takeAll(() => uses.takeAny(start + 52 * second))).toEqual([2, 2, 1]);
    expect(takeAll(() => uses.takeAny(start + 53 * second))).toEqual([]);
  });
});
