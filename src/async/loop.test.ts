import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Loop, type LoopOptions } from "./loop.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** Returns a loop, and the times at which its turns began. Each turn takes `turnMs`. */
function setUp(pauseMs: number | (() => number), options: LoopOptions & { readonly turnMs?: number } = {}) {
  const begin = performance.now();
  const turns: number[] = [];
  let ended = 0;
  const turn = async () => {
    turns.push(performance.now() - begin);
    if (options.turnMs) await new Promise((resolve) => setTimeout(resolve, options.turnMs));
    ended++;
  };
  const loop = new Loop(turn, pauseMs, options);
  return { loop, turns, ended: () => ended };
}

it("pauses after each turn, however long it takes", async () => {
  const { loop, turns } = setUp(100, { firstAfterMs: 50, turnMs: 30 });
  await pass(1_000);
  expect(turns).toEqual([]);
  loop.start();
  loop.start();
  await pass(400);
  expect(turns.map((time) => time - 1_000)).toEqual([50, 180, 310]);
});

it("takes a turn at once when it is woken, and after the present one while a turn is under way", async () => {
  const { loop, turns } = setUp(1_000, { firstAfterMs: 1_000, turnMs: 30 });
  // "At once" means after a millisecond at most.
  const begun = () => turns.map((time) => time - (time % 10));
  loop.start();
  await pass(10);
  loop.wake();
  expect(turns).toEqual([]);
  await pass(0);
  expect(turns).toEqual([10]);
  await pass(10);
  for (let times = 0; times < 3; times++) loop.wake();
  await pass(500);
  expect(begun()).toEqual([10, 40]);
  await pass(1_000);
  expect(begun()).toEqual([10, 40, 1_070]);
});

it("begins without a pause when it was woken before the start", async () => {
  const { loop, turns } = setUp(1_000, { firstAfterMs: 1_000 });
  loop.wake();
  expect(turns).toEqual([]);
  loop.start();
  await pass(0);
  expect(turns).toEqual([0]);
});

it("starts with a turn that can be waited for", async () => {
  const { loop, turns, ended } = setUp(100, { firstAfterMs: 50, turnMs: 30 });
  const started = loop.startNow();
  expect(turns).toEqual([0]);
  await pass(30);
  await started;
  expect(ended()).toBe(1);
  await pass(100);
  expect(turns).toEqual([0, 130]);
});

it("keeps turns apart, also those that are woken", async () => {
  const { loop, turns } = setUp(Number.POSITIVE_INFINITY, { spacingMs: 100, turnMs: 10 });
  loop.start();
  await pass(5);
  loop.wake();
  await pass(50);
  loop.wake();
  await pass(300);
  expect(turns).toEqual([0, 110]);
  loop.wake();
  await pass(0);
  expect(turns).toEqual([0, 110, 355]);
  await pass(10_000);
  expect([turns.length, vi.getTimerCount()]).toEqual([3, 0]);
});

it("asks for the pause when a turn has ended", async () => {
  let pauseMs = 10;
  const { loop, turns } = setUp(() => pauseMs);
  loop.start();
  await pass(15);
  pauseMs = 100;
  await pass(300);
  expect(turns).toEqual([0, 10, 20, 120, 220]);
});

it("ends for good, after the turn that is under way", async () => {
  const { loop, turns, ended } = setUp(10, { turnMs: 30 });
  loop.start();
  await pass(10);
  loop.wake();
  const stopped = loop.stop();
  await pass(20);
  await stopped;
  expect(ended()).toBe(1);
  loop.wake();
  loop.start();
  await pass(1_000);
  expect([turns, vi.getTimerCount()]).toEqual([[0], 0]);
});
