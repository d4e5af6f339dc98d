import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Deadlines, type Waiting } from "./deadlines.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const start = performance.now();
  const late: number[] = [];
  const deadlines = new Deadlines((waiting) => late.push(waiting.deadline - start));
  const add = (ms: number): Waiting => {
    const waiting = { deadline: start + ms };
    deadlines.add(waiting);
    return waiting;
  };
  return { deadlines, late, add };
}

it("reports each late item once, at most a few milliseconds after its deadline and never before", async () => {
  const { late, add } = setUp();
  for (const ms of [300, 100, 200, 101]) add(ms);
  await vi.advanceTimersByTimeAsync(99);
  expect(late).toEqual([]);
  await vi.advanceTimersByTimeAsync(10);
  expect(late).toEqual([100, 101]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(late).toEqual([100, 101, 200, 300]);
});

it("has one timer, whatever the order of the deadlines, and none when nothing waits", async () => {
  const { deadlines, late, add } = setUp();
  const waiting = [300, 100, 200, 50].map(add);
  expect(vi.getTimerCount()).toBe(1);
  for (const each of waiting) deadlines.delete(each);
  await vi.advanceTimersByTimeAsync(60);
  expect([late, vi.getTimerCount()]).toEqual([[], 0]);
  add(500);
  await vi.advanceTimersByTimeAsync(500);
  expect(late).toEqual([500]);
});

it("accepts an item that is added while another is reported", async () => {
  const late: number[] = [];
  const start = performance.now();
  const deadlines: Deadlines<Waiting> = new Deadlines(({ deadline }) => {
    late.push(deadline - start);
    if (late.length === 1) deadlines.add({ deadline: start + 50 });
  });
  deadlines.add({ deadline: start + 10 });
  await vi.advanceTimersByTimeAsync(60);
  expect(late).toEqual([10, 50]);
});
