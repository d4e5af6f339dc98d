import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines, type Timed } from "./deadlines.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Item implements Timed {
  readonly expiresAt: number;
  nextTimed: Timed | undefined = undefined;
  previousTimed: Timed | undefined = undefined;
  passedAt: number | undefined = undefined;

  constructor(inMs: number) {
    this.expiresAt = performance.now() + inMs;
  }

  onDeadline(): void {
    this.passedAt = performance.now();
  }
}

const start = (deadlines: Deadlines, ...delays: number[]): Item[] =>
  delays.map((ms) => {
    const item = new Item(ms);
    deadlines.add(item);
    return item;
  });

describe("deadlines", () => {
  it("are reported once, never early and at most 10 ms late, also beyond a round of the wheel", () => {
    const deadlines = new Deadlines();
    const items = start(deadlines, 5_000, 0, 1, 4.9, 5, 12, 2_559, 2_560, 2_561, 7_777, 0, 300);
    for (let ms = 0; ms < 9_000; ms++) {
      vi.advanceTimersByTime(1);
      const now = performance.now();
      for (const { expiresAt, passedAt } of items) {
        if (passedAt === undefined) expect(now - expiresAt).toBeLessThanOrEqual(10);
        else expect(passedAt - expiresAt).toBeGreaterThanOrEqual(0);
      }
    }
    expect(items.every(({ passedAt }) => passedAt !== undefined)).toBe(true);
  });

  it("are not reported after they were removed, wherever they stand in their slot", () => {
    const deadlines = new Deadlines();
    const items = start(deadlines, 10, 10, 10, 10);
    const [first, second, , last] = items;
    for (const item of [second, first, last]) if (item) deadlines.remove(item);
    vi.advanceTimersByTime(100);
    expect(items.map(({ passedAt }) => passedAt !== undefined)).toEqual([false, false, true, false]);
  });

  it("may be removed although they were not added, or have passed", () => {
    const deadlines = new Deadlines();
    const [kept] = start(deadlines, 10);
    deadlines.remove(new Item(10));
    const never = new Item(Number.POSITIVE_INFINITY);
    deadlines.remove(never);
    vi.advanceTimersByTime(100);
    expect(kept?.passedAt).toBeDefined();
    if (kept) deadlines.remove(kept);
    const [next] = start(deadlines, 10);
    vi.advanceTimersByTime(100);
    expect(next?.passedAt).toBeDefined();
  });

  it("that are added while others are reported are reported in their turn", () => {
    const deadlines = new Deadlines();
    const [outer] = start(deadlines, 10);
    let inner: Item | undefined;
    if (outer) outer.onDeadline = () => ([inner] = start(deadlines, 10));
    vi.advanceTimersByTime(100);
    expect(inner?.passedAt).toBeDefined();
  });

  it("that are added while others are reported do not delay those that wait", () => {
    const deadlines = new Deadlines();
    const [outer, waiting] = start(deadlines, 10, 50);
    if (outer) outer.onDeadline = () => void start(deadlines, 2_000);
    vi.advanceTimersByTime(100);
    expect(waiting?.passedAt).toBeDefined();
  });

  it("are reported in time although a report removes their neighbour", () => {
    const deadlines = new Deadlines();
    const items = start(deadlines, 10, 10, 10);
    const [last, middle, first] = items;
    if (first && middle) first.onDeadline = () => deadlines.remove(middle);
    vi.advanceTimersByTime(100);
    expect([middle?.passedAt, last?.passedAt]).toEqual([undefined, expect.any(Number)]);
  });

  it("may be years away: no timer is set for longer than Node can wait", () => {
    const set = vi.spyOn(globalThis, "setTimeout");
    const [item] = start(new Deadlines(), 99_999_999 * 3_600_000);
    expect(set.mock.calls.every(([, ms]) => (ms ?? 0) < 2 ** 31)).toBe(true);
    vi.advanceTimersByTime(10_000);
    expect(item?.passedAt).toBeUndefined();
  });

  it("need no timer while nothing waits, and one however many wait", () => {
    const deadlines = new Deadlines();
    expect(vi.getTimerCount()).toBe(0);
    const items = start(deadlines, ...Array.from({ length: 100 }, (_, index) => 1_000 - index));
    expect(vi.getTimerCount()).toBe(1);
    for (const item of items) deadlines.remove(item);
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
