import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import { Batcher, type BatcherOptions, type Keyed } from "./batcher.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Answer = boolean | Failure;

/** A batch that was sent and is not answered yet. */
interface Call {
  readonly keys: readonly string[];
  readonly deadline: number;
  /** Answers each question by its key, or all questions with the same answer. */
  answer(answers: Answer | Readonly<Record<string, Answer>>): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** Waits for the end of this turn of the event loop. No time passes. */
const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

const question = (key: string): Keyed => ({ key });

function setUp(options: Partial<BatcherOptions<Keyed, boolean>> = {}) {
  const calls: Call[] = [];
  const told = { joined: 0 };
  const batcher = new Batcher<Keyed, boolean>({
    send: (batch, deadline) =>
      new Promise((resolve, reject) => {
        const keys = batch.map(({ key }) => key);
        calls.push({
          keys,
          deadline,
          async answer(answers) {
            const all = typeof answers === "boolean" || answers instanceof Failure;
            resolve(keys.map((key) => (all ? answers : (answers[key] ?? false))));
            await turn();
          },
          async fail(error) {
            reject(error);
            await turn();
          },
        });
      }),
    timeoutMs: 800,
    maxBatch: 50,
    onJoined: () => told.joined++,
    ...options,
  });
  const ask = (key: string, callOptions: CallOptions = {}) =>
    watched(batcher.ask([question(key)], callOptions).then(([answer]) => answer));
  const call = (index: number): Call => {
    const found = calls[index];
    if (!found) throw new Error(`${calls.length} batches were sent`);
    return found;
  };
  const sent = () => calls.map(({ keys }) => keys.join(" "));
  return { batcher, calls, call, sent, told, ask };
}

/** Shows the state of a promise: undefined while it waits, then the answer or the reason of the failure. */
function watched(promise: Promise<Answer | undefined>): { now: boolean | string | undefined } {
  const state: { now: boolean | string | undefined } = { now: undefined };
  void promise.then((answer) => {
    state.now = answer instanceof Failure ? answer.reason : answer;
  });
  return state;
}

const down = new Failure("DATABASE_UNAVAILABLE");

describe("a batch", () => {
  it("holds the questions of one turn of the event loop, from any caller", async () => {
    const { batcher, ask, call, sent } = setUp();
    const [a, b] = [ask("a"), ask("b")];
    const both = batcher.ask([question("c"), question("d")]);
    expect(sent()).toEqual([]);
    await turn();
    expect(sent()).toEqual(["a b c d"]);
    await call(0).answer({ a: true, d: true });
    expect([a.now, b.now]).toEqual([true, false]);
    expect(await both).toEqual([false, true]);
  });

  it("is sent at once when there is only one question", async () => {
    const { ask, sent } = setUp();
    ask("a");
    await turn();
    ask("b");
    await turn();
    expect(sent()).toEqual(["a", "b"]);
  });

  it("holds at most `maxBatch` questions; the order of the answers is that of the questions", async () => {
    const { batcher, calls } = setUp();
    const names = Array.from({ length: 120 }, (_, index) => String(index));
    const answers = batcher.ask(names.map((name) => question(name)));
    await turn();
    expect(calls.map(({ keys }) => keys.length)).toEqual([50, 50, 20]);
    const yes = Object.fromEntries(names.filter((_, index) => index % 3 === 0).map((name) => [name, true]));
    for (const call of calls.toReversed()) await call.answer(yes);
    expect(await answers).toEqual(names.map((_, index) => index % 3 === 0));
  });

  it("grows while the maximum of calls is running", async () => {
    const { ask, call, sent } = setUp({ maxInFlight: 2 });
    for (const name of ["a", "b", "c", "d"]) {
      ask(name);
      await turn();
    }
    expect(sent()).toEqual(["a", "b"]);
    await call(0).answer(true);
    expect(sent()).toEqual(["a", "b", "c d"]);
  });

  it("gives each question its own answer: a failure of one does not fail the others", async () => {
    const { ask, call } = setUp();
    const [a, b, c] = [ask("a"), ask("b"), ask("c")];
    await turn();
    await call(0).answer({ a: true, b: down, c: false });
    expect([a.now, b.now, c.now]).toEqual([true, "DATABASE_UNAVAILABLE", false]);
  });

  it("that ends in a defect fails its questions and nothing after them", async () => {
    const { ask, call } = setUp({ maxInFlight: 1 });
    const [a, b] = [ask("a"), ask("b")];
    await turn();
    await call(0).fail(new TypeError("defect"));
    expect([a.now, b.now]).toEqual(["INTERNAL", "INTERNAL"]);
    const c = ask("c");
    await turn();
    await call(1).answer(true);
    expect(c.now).toBe(true);
  });

  it("that fails as a whole fails its questions with that failure", async () => {
    const { ask, call } = setUp();
    const [a, b] = [ask("a"), ask("b")];
    await turn();
    await call(0).fail(down);
    expect([a.now, b.now]).toEqual(["DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE"]);
  });

  it("that is answered in part fails the rest", async () => {
    const { batcher } = setUp({ send: async () => [true] });
    const answers = batcher.ask([question("a"), question("b")]);
    await turn();
    expect(await answers).toEqual([true, expect.objectContaining({ reason: "INTERNAL" })]);
  });

  it("without questions makes no call", async () => {
    const { batcher, calls } = setUp();
    expect(await batcher.ask([])).toEqual([]);
    await turn();
    expect(calls).toEqual([]);
  });
});

describe("an identical question", () => {
  it("joins one that has not been sent yet, also from the same caller", async () => {
    const { batcher, ask, call, sent, told } = setUp();
    const [a, same] = [ask("a"), ask("a")];
    const twice = batcher.ask([question("a"), question("b"), question("a")]);
    await turn();
    expect(sent()).toEqual(["a b"]);
    await call(0).answer({ a: true });
    expect([a.now, same.now]).toEqual([true, true]);
    expect(await twice).toEqual([true, false, true]);
    expect(told).toEqual({ joined: 3 });
  });

  it("is asked again when the other was sent or answered: its answer would be older than the question", async () => {
    const { ask, call, sent } = setUp();
    const first = ask("a");
    await turn();
    const second = ask("a");
    await turn();
    await call(0).answer(true);
    expect([first.now, second.now]).toEqual([true, undefined]);
    await call(1).answer(false);
    expect(second.now).toBe(false);
    ask("a");
    await turn();
    expect(sent()).toEqual(["a", "a", "a"]);
  });
});

describe("a caller", () => {
  it("is answered at its own deadline; the call ends at the latest deadline of all", async () => {
    const { ask, call } = setUp();
    const start = performance.now();
    const [short, long] = [ask("a", { deadline: start + 50 }), ask("a", { deadline: start + 300 })];
    await turn();
    expect(call(0).deadline).toBe(start + 300);
    await pass(60);
    expect([short.now, long.now]).toEqual(["DEADLINE_EXCEEDED", undefined]);
    await call(0).answer(true);
    expect([short.now, long.now]).toEqual(["DEADLINE_EXCEEDED", true]);
  });

  it("does not shorten the time of others in the batch", async () => {
    const { ask, call } = setUp();
    const start = performance.now();
    for (const ms of [50, 300, 100]) ask(String(ms), { deadline: start + ms });
    await turn();
    expect(call(0).deadline).toBe(start + 300);
  });

  it("waits no longer than the time-out, which includes the time before the sending", async () => {
    const { ask, call, sent } = setUp({ maxInFlight: 1 });
    const start = performance.now();
    const first = ask("a", { deadline: start + 10_000 });
    await turn();
    expect(call(0).deadline).toBe(start + 800);
    await pass(500);
    const second = ask("b");
    await turn();
    await pass(310);
    expect([first.now, second.now]).toEqual(["DEADLINE_EXCEEDED", undefined]);
    await pass(500);
    expect(second.now).toBe("DEADLINE_EXCEEDED");
    await call(0).answer(down);
    expect(sent()).toEqual(["a"]);
  });

  it("waits without limit and without a timer when there is neither a deadline nor a time-out", async () => {
    const { ask, call } = setUp({ timeoutMs: Number.POSITIVE_INFINITY });
    const patient = ask("a");
    await turn();
    expect(vi.getTimerCount()).toBe(0);
    await pass(1_000_000);
    expect(patient.now).toBeUndefined();
    await call(0).answer(true);
    expect(patient.now).toBe(true);
  });

  it("gets what has been answered so far when the time is over", async () => {
    const { batcher, call } = setUp({ maxBatch: 1 });
    const answers = batcher.ask([question("a"), question("b")]);
    await turn();
    await call(0).answer(true);
    await pass(810);
    expect(await answers).toEqual([true, expect.objectContaining({ reason: "DEADLINE_EXCEEDED" })]);
    await call(1).answer(true);
    expect(await answers).toEqual([true, expect.objectContaining({ reason: "DEADLINE_EXCEEDED" })]);
  });

  it("sends no question when its time is over before the sending", async () => {
    const { ask, call, sent } = setUp({ maxInFlight: 1, maxBatch: 2 });
    ask("a");
    await turn();
    const late = ask("late", { deadline: performance.now() + 2 });
    const [b, c] = [ask("b"), ask("c")];
    await pass(3);
    expect(late.now).toBeUndefined();
    await call(0).answer(true);
    expect(late.now).toBe("DEADLINE_EXCEEDED");
    expect(sent()).toEqual(["a", "b c"]);
    await call(1).answer(true);
    expect([b.now, c.now]).toEqual([true, true]);
  });

  it("may cancel: the question is sent for the remaining callers, and not at all when there are none", async () => {
    const { ask, call, sent } = setUp({ maxInFlight: 1 });
    ask("a");
    await turn();
    const [leaver, stayer] = [{ cancelled: false }, { cancelled: false }];
    ask("b", leaver);
    const kept = ask("b", stayer);
    ask("c", leaver);
    leaver.cancelled = true;
    await call(0).answer(true);
    expect(sent()).toEqual(["a", "b"]);
    stayer.cancelled = true;
    await call(1).answer(true);
    expect(kept.now).toBe(true);
  });

  it("shares one timer with all others", async () => {
    const { batcher } = setUp();
    const start = performance.now();
    for (let each = 0; each < 1_000; each++) {
      void batcher.ask([question(String(each))], { deadline: start + 100 + (each % 7) });
    }
    await turn();
    expect(vi.getTimerCount()).toBe(1);
  });

  it("is forgotten once it is answered", async () => {
    const { ask, call } = setUp();
    ask("a", { deadline: performance.now() + 50 });
    ask("b");
    await turn();
    await call(0).answer(true);
    await pass(60);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("too many questions", () => {
  it("are refused at once, and not forever", async () => {
    const { batcher, ask, call, sent } = setUp({ maxInFlight: 1, maxWaiting: 2 });
    ask("a");
    await turn();
    const [b, same, c, d] = [ask("b"), ask("b"), ask("c"), ask("d")];
    const joined = batcher.ask([question("b"), question("e")]);
    await turn();
    expect([b.now, same.now, c.now, d.now]).toEqual([undefined, undefined, undefined, "OVERLOADED"]);
    await call(0).answer(true);
    await call(1).answer(true);
    expect([b.now, same.now, c.now]).toEqual([true, true, true]);
    expect(await joined).toEqual([true, expect.objectContaining({ reason: "OVERLOADED" })]);
    ask("g");
    await turn();
    expect(sent()).toEqual(["a", "b c", "g"]);
  });
});
