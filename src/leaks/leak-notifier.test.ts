import { expect, it } from "vitest";
import { testTime, tokenRecord } from "../../test/kit/token.js";
import { createLogger } from "../telemetry/log.js";
import type { LeakNotice } from "./leak.js";
import { LeakNotifier, type LeakNotifierOptions, tellLog } from "./leak-notifier.js";
import type { LeakStore } from "./leak-store.js";

const longMs = 1_000_000;

interface Waiting {
  readonly notice: LeakNotice;
  attempts: number;
  due: Date;
}

/** Leaks that wait, as the store keeps them, under a clock that is set. */
function setUp(tell: LeakNotifierOptions["tell"]) {
  const time = { now: testTime };
  const waiting: Waiting[] = [];
  const lines: { readonly level: string; readonly msg: string; readonly tokenId?: string; readonly event?: string }[] =
    [];
  let looks = 0;
  const store: Pick<LeakStore, "claim" | "notified"> = {
    async claim(now, retryTime) {
      looks += 1;
      const next = waiting.find(({ due }) => due <= now);
      if (next) {
        next.due = retryTime(next.attempts);
        next.attempts += 1;
      }
      return next?.notice;
    },
    async notified(id) {
      waiting.splice(
        waiting.findIndex(({ notice }) => notice.id === id),
        1,
      );
    },
  };
  const log = createLogger({ destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const notifier = new LeakNotifier({ store, tell, log, clock: { now: () => time.now }, intervalMs: longMs });
  const leak = (): LeakNotice => {
    const { id, kind, subject, organization, name, createdBy } = tokenRecord();
    const notice: LeakNotice = {
      ...{ id, kind, subject, organization, name, createdBy },
      ...{ reporter: "github", url: "https://example.com/x", source: "", hint: "h", time: testTime, revoked: true },
    };
    waiting.push({ notice, attempts: 0, due: time.now });
    return notice;
  };
  return { time, waiting, lines, log, notifier, leak, looks: () => looks };
}

it("sends what waits at the start, and new notifications at once", async () => {
  const told: string[] = [];
  const { notifier, leak, waiting } = setUp(async ({ id }) => void told.push(id));
  const ids = [leak().id, leak().id];
  notifier.start();
  await expect.poll(() => told).toEqual(ids);
  await expect.poll(() => waiting).toEqual([]);
  ids.push(leak().id);
  notifier.wake();
  await expect.poll(() => told).toEqual(ids);
  await notifier.stop();
});

it("looks again for leaks that came while it was sending", async () => {
  const told: string[] = [];
  let finish = (): void => undefined;
  const { notifier, leak } = setUp(async ({ id }) => {
    told.push(id);
    if (told.length === 1)
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
  });
  const first = leak();
  notifier.start();
  await expect.poll(() => told).toEqual([first.id]);
  notifier.wake();
  const second = leak();
  finish();
  await expect.poll(() => told).toEqual([first.id, second.id]);
  await notifier.stop();
});

it("tries failed notifications again, after pauses that double up to an hour", async () => {
  let attempts = 0;
  const { notifier, leak, waiting, time, lines } = setUp(async () => {
    attempts += 1;
    throw new Error("nobody there");
  });
  const { id } = leak();
  notifier.start();
  const pauses: number[] = [];
  for (let expected = 1; expected <= 10; expected++) {
    await expect.poll(() => lines.length).toBe(expected);
    const due = waiting[0]?.due ?? time.now;
    pauses.push((due.getTime() - time.now.getTime()) / 1_000);
    time.now = due;
    notifier.wake();
  }
  expect(pauses).toEqual([30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
  await notifier.stop();
  expect(attempts).toBeGreaterThanOrEqual(10);
  expect(lines[0]).toMatchObject({ level: "warn", tokenId: id });
});

it("gives up quietly when the process ends", async () => {
  const { notifier, leak, lines, waiting } = setUp(
    (_, stopped) => new Promise((_resolve, reject) => stopped.addEventListener("abort", () => reject(stopped.reason))),
  );
  leak();
  notifier.start();
  await expect.poll(() => waiting[0]?.attempts).toBe(1);
  await notifier.stop();
  expect(lines).toEqual([]);
  expect(waiting).toHaveLength(1);
});

it("writes one line of ids where nothing else is configured", async () => {
  const { log, lines, leak } = setUp(async () => undefined);
  const notice = leak();
  await tellLog(log)(notice, new AbortController().signal);
  expect(lines).toMatchObject([{ level: "warn", event: "leaked", tokenId: notice.id, revoked: true }]);
  expect(JSON.stringify(lines)).not.toMatch(/laptop|example\.com/);
});
