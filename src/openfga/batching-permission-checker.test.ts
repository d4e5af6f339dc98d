import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { Consistency, OpenFgaAnswer, Question } from "../domain/permission-checker.js";
import { type BatchingOptions, BatchingPermissionChecker } from "./batching-permission-checker.js";
import { createContextOf, type QuestionInContext } from "./condition-context.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A call that OpenFGA has received and not answered yet. */
interface Call {
  readonly questions: readonly QuestionInContext[];
  readonly resources: readonly string[];
  readonly consistency: Consistency;
  readonly deadline: number | undefined;
  /** Answers the call, by resource or with one answer for all. */
  answer(permissions: OpenFgaAnswer | Readonly<Record<string, OpenFgaAnswer>>): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** Waits for the end of this turn of the event loop. No time passes. */
const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function setUp(options: Partial<BatchingOptions> = {}) {
  const calls: Call[] = [];
  const told = { kept: 0, joined: 0 };
  const checker = new BatchingPermissionChecker({
    checker: {
      check: (questions, consistency, { deadline } = {}) =>
        new Promise((resolve, reject) => {
          const resources = questions.map(({ resource }) => resource.slice("document:".length));
          calls.push({
            questions,
            resources,
            consistency,
            deadline,
            async answer(permissions) {
              const all = typeof permissions === "boolean" || permissions instanceof Failure;
              resolve(resources.map((each) => (all ? permissions : (permissions[each] ?? false))));
              await turn();
            },
            async fail(error) {
              reject(error);
              await turn();
            },
          });
        }),
    },
    contextOf: () => undefined,
    timeoutMs: 800,
    maxBatch: 50,
    onKept: () => told.kept++,
    onJoined: () => told.joined++,
    ...options,
  });
  const ask = (resource: string, consistency: Consistency = "minimize-latency", patience = {}) =>
    watched(
      Promise.resolve(checker.check([question(resource)], consistency, patience)).then(([permission]) => permission),
    );
  const call = (index: number): Call => {
    const found = calls[index];
    if (!found) throw new Error(`OpenFGA got ${calls.length} calls`);
    return found;
  };
  const sent = () => calls.map(({ resources }) => resources.join(" "));
  return { checker, calls, call, sent, told, ask };
}

const question = (resource: string, more: Partial<Question> = {}): Question => ({
  subject: "user:a" as SubjectName,
  action: "viewer" as ActionName,
  resource: `document:${resource}` as ResourceName,
  ...more,
});

/** Makes the state of a promise visible: undefined while it waits; the reason when it fails. */
function watched(promise: Promise<OpenFgaAnswer | undefined>): { now: boolean | string | undefined } {
  const state: { now: boolean | string | undefined } = { now: undefined };
  void promise.then((permission) => {
    state.now = permission instanceof Failure ? permission.reason : permission;
  });
  return state;
}

const down = new Failure("OPENFGA_UNAVAILABLE");

it("a question joins an identical one that has not been sent yet, of its own consistency alone", async () => {
  const { checker, ask, call, sent, told } = setUp();
  const [a, same] = [ask("a"), ask("a")];
  const twice = checker.check([question("a"), question("b"), question("a")], "minimize-latency");
  await turn();
  expect(sent()).toEqual(["a b"]);
  await call(0).answer({ a: true });
  expect([a.now, same.now]).toEqual([true, true]);
  expect(await twice).toEqual([true, false, true]);
  expect(told).toEqual({ kept: 0, joined: 3 });
});

it.each<[string, Partial<Question>, Consistency]>([
  ["subject", { subject: "user:b" as SubjectName }, "minimize-latency"],
  ["action", { action: "editor" as ActionName }, "minimize-latency"],
  ["resource", { resource: "document:b" as ResourceName }, "minimize-latency"],
  ["consistency", {}, "higher"],
])("an identical question is one of the same %s", async (_, more, consistency) => {
  const { checker, calls } = setUp();
  void checker.check([question("a")], "minimize-latency");
  void checker.check([question("a", more)], consistency);
  await turn();
  expect(calls.flatMap(({ questions }) => questions)).toHaveLength(2);
});

it("consistency is never mixed, and neither waits for the other", async () => {
  const { ask, calls, sent } = setUp({ maxBatch: 1, maxInFlight: 1 });
  for (const name of ["1", "2"]) {
    ask(`low${name}`);
    ask(`high${name}`, "higher");
  }
  await turn();
  expect(sent()).toEqual(["low1", "high1"]);
  await calls[1]?.answer(true);
  await calls[0]?.answer(true);
  expect(sent()).toEqual(["low1", "high1", "high2", "low2"]);
  expect(calls.map(({ consistency }) => consistency).slice(0, 2)).toEqual(["minimize-latency", "higher"]);
});

it("waits no longer than the time-out; the call ends at the latest deadline of all", async () => {
  const { ask, call } = setUp();
  const start = performance.now();
  const hasty = ask("a", "minimize-latency", { deadline: start + 50 });
  const patient = ask("b", "minimize-latency", { deadline: start + 10_000 });
  await turn();
  expect(call(0).deadline).toBe(start + 800);
  await pass(60);
  expect([hasty.now, patient.now]).toEqual(["DEADLINE_EXCEEDED", undefined]);
  await pass(750);
  expect(patient.now).toBe("DEADLINE_EXCEEDED");
});

describe("within maxStalenessMs", () => {
  const stale = { maxStalenessMs: 500 };

  it("an answer is given again, counted from the sending of its question", async () => {
    const { checker, ask, call, sent, told } = setUp(stale);
    const [yes, no] = [ask("yes"), ask("no")];
    await turn();
    await pass(400);
    await call(0).answer({ yes: true, no: false });
    expect([yes.now, no.now]).toEqual([true, false]);
    await pass(99);
    expect(await checker.check([question("yes"), question("no")], "minimize-latency")).toEqual([true, false]);
    expect(told.kept).toBe(2);
    await pass(1);
    ask("yes");
    await turn();
    expect(sent()).toEqual(["yes no", "yes"]);
  });

  it("kept answers are there at once, without a promise, and only when all of them are kept", async () => {
    const { checker, ask, call } = setUp(stale);
    ask("a");
    await turn();
    await call(0).answer(true);
    expect(checker.check([question("a"), question("a")], "minimize-latency")).toEqual([true, true]);
    expect(checker.check([question("a"), question("b")], "minimize-latency")).toBeInstanceOf(Promise);
    expect(checker.check([question("a")], "higher")).toBeInstanceOf(Promise);
  });

  it("a question joins one already sent", async () => {
    const { ask, call, sent, told } = setUp(stale);
    const first = ask("a");
    await turn();
    await pass(499);
    const second = ask("a");
    await pass(1);
    const third = ask("a");
    await turn();
    expect([sent(), told.joined]).toEqual([["a", "a"], 1]);
    await call(0).answer(true);
    expect([first.now, second.now, third.now]).toEqual([true, true, undefined]);
  });

  it("a question joins the latest of several that were sent", async () => {
    const { ask, call, sent } = setUp(stale);
    ask("a");
    await turn();
    await pass(500);
    ask("a");
    await turn();
    await call(0).answer(true);
    const joined = ask("a");
    await turn();
    expect(sent()).toEqual(["a", "a"]);
    await call(1).answer(false);
    expect(joined.now).toBe(false);
  });

  it("a failure is not kept, and for a caller that joined after the sending the question is asked again, once", async () => {
    const { ask, call, sent } = setUp(stale);
    const start = performance.now();
    const hasty = ask("a", "minimize-latency", { deadline: start + 20 });
    await turn();
    const [patient, another] = [ask("a"), ask("a")];
    await pass(30);
    await call(0).answer(new Failure("DEADLINE_EXCEEDED"));
    expect([hasty.now, patient.now, another.now]).toEqual(["DEADLINE_EXCEEDED", undefined, undefined]);
    expect(sent()).toEqual(["a", "a"]);
    await call(1).answer(down);
    expect([patient.now, another.now]).toEqual(["OPENFGA_UNAVAILABLE", "OPENFGA_UNAVAILABLE"]);
    ask("a");
    await turn();
    expect(sent()).toEqual(["a", "a", "a"]);
  });

  it("higher consistency uses no kept answer and joins no sent question, and its answer replaces the kept one", async () => {
    const { checker, ask, call, sent } = setUp(stale);
    ask("a");
    await turn();
    await call(0).answer(true);
    ask("a", "higher");
    await turn();
    const second = ask("a", "higher");
    await turn();
    expect(sent()).toEqual(["a", "a", "a"]);
    await call(1).answer(false);
    expect(second.now).toBeUndefined();
    expect(await checker.check([question("a")], "minimize-latency")).toEqual([false]);
  });

  it("the answer to an earlier question does not replace the answer to a later one", async () => {
    const { checker, ask, call } = setUp(stale);
    ask("a");
    await turn();
    await pass(10);
    ask("a", "higher");
    await turn();
    await call(1).answer(false);
    await call(0).answer(true);
    expect(await checker.check([question("a")], "minimize-latency")).toEqual([false]);
  });

  it("never more than `maxKept` answers are kept", async () => {
    const { checker, call, told } = setUp({ maxStalenessMs: 60_000, maxKept: 10, maxBatch: 1, maxInFlight: 100 });
    const names = Array.from({ length: 50 }, (_, index) => String(index));
    for (const [index, name] of names.entries()) {
      void checker.check([question(name)], "minimize-latency");
      await turn();
      await call(index).answer(true);
    }
    void checker.check(
      names.map((name) => question(name)),
      "minimize-latency",
    );
    expect(told.kept).toBeGreaterThanOrEqual(5);
    expect(told.kept).toBeLessThanOrEqual(10);
  });
});

describe("the context of conditions", () => {
  const at = (second: number) => new Date(Date.UTC(2026, 2, 1, 12, 0, second, 999));

  it("is nothing, and no address is looked at, unless parameters are configured", async () => {
    const { checker, calls } = setUp({ contextOf: createContextOf({}, { now: () => at(0) }) });
    const clientAddress = {
      toString(): string {
        throw new Error("was looked at");
      },
    };
    void checker.check([question("a", { clientAddress }), question("a")], "minimize-latency");
    await turn();
    expect(calls.flatMap(({ questions }) => questions.map(({ context }) => context))).toEqual([undefined]);
  });

  it("is that of the question's own time and address, and part of what makes questions identical", async () => {
    let second = 1;
    const contextOf = createContextOf({ current_time: "now", ip: "client_ip" }, { now: () => at(second) });
    const { checker, call, calls } = setUp({ maxStalenessMs: 60_000, contextOf });
    const ask = (clientAddress?: string) => void checker.check([question("a", { clientAddress })], "minimize-latency");
    for (const address of ["192.0.2.1", "192.0.2.1", "2001:db8::1", undefined]) ask(address);
    second = 2;
    ask("192.0.2.1");
    await turn();
    const time = (text: string) => ["current_time", text];
    expect(call(0).questions.map(({ context }) => context?.values)).toEqual([
      [time("2026-03-01T12:00:01Z"), ["ip", "192.0.2.1"]],
      [time("2026-03-01T12:00:01Z"), ["ip", "2001:db8::1"]],
      [time("2026-03-01T12:00:01Z")],
      [time("2026-03-01T12:00:02Z"), ["ip", "192.0.2.1"]],
    ]);
    await call(0).answer(true);
    ask("192.0.2.1");
    await turn();
    expect(calls).toHaveLength(1);
    second = 3;
    ask("192.0.2.1");
    await turn();
    expect(calls).toHaveLength(2);
  });

  it("compares questions without the address when no condition uses it", async () => {
    const { checker, call } = setUp({ contextOf: createContextOf({ current_time: "now" }, { now: () => at(1) }) });
    void checker.check([question("a", { clientAddress: "192.0.2.1" })], "minimize-latency");
    void checker.check([question("a", { clientAddress: "192.0.2.2" })], "minimize-latency");
    await turn();
    expect(call(0).questions).toHaveLength(1);
  });
});

/** One event: a caller asks, time passes, or OpenFGA answers (or fails) its oldest or youngest call. */
type Event =
  | { readonly kind: "ask"; readonly names: readonly string[]; readonly higher: boolean; readonly waits: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "answer"; readonly oldest: boolean; readonly fails: boolean };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant("ask" as const),
    names: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 4 }),
    higher: fc.boolean(),
    waits: fc.constantFrom(20, 100, 2_000),
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 0, 1, 30, 200) }),
  fc.record({ kind: fc.constant("answer" as const), oldest: fc.boolean(), fails: fc.boolean() }),
);

it.each([0, 100])(
  "whatever happens, each caller gets an answer to its own question that is fresh enough (%i ms)",
  async (maxStalenessMs) => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 60 }), async (events) => {
        // OpenFGA allows a question that was sent at an even instant: so an answer shows when its question was sent.
        const sentAt = new Map<Call, number>();
        const { checker, calls } = setUp({ maxBatch: 3, maxInFlight: 2, maxStalenessMs });
        const open: Call[] = [];
        const takeNew = () => {
          for (const call of calls.splice(0)) {
            open.push(call);
            sentAt.set(call, performance.now());
          }
        };
        const problems: string[] = [];
        const waiting: Promise<void>[] = [];
        const answerOf = (call: Call, fails: boolean): Readonly<Record<string, OpenFgaAnswer>> =>
          Object.fromEntries(
            call.resources.map((name) => [
              name,
              fails ? down : (new Told(name, sentAt.get(call) ?? 0) as unknown as boolean),
            ]),
          );
        for (const each of events) {
          if (each.kind === "ask") {
            const asked = performance.now();
            const consistency = each.higher ? "higher" : "minimize-latency";
            const answers = checker.check(
              each.names.map((name) => question(name)),
              consistency,
              { deadline: asked + each.waits },
            );
            waiting.push(
              Promise.resolve(answers).then((permissions) => {
                const late = performance.now() - asked - Math.min(each.waits, 800);
                if (late > 15) problems.push(`answered ${late} ms too late`);
                if (permissions.length !== each.names.length) problems.push("not one answer for each question");
                for (const [index, permission] of permissions.entries()) {
                  if (!((permission as unknown) instanceof Told)) continue;
                  const { name, at } = permission as unknown as Told;
                  if (name !== each.names[index]) problems.push(`${name} was answered to ${each.names[index]}`);
                  const age = asked - at;
                  if (age > 0 && (each.higher || age >= maxStalenessMs))
                    problems.push(`an answer ${age} ms older than its question`);
                }
              }),
            );
          } else if (each.kind === "pass") {
            await pass(each.ms);
          } else {
            const call = each.oldest ? open.shift() : open.pop();
            await call?.answer(answerOf(call, each.fails));
          }
          takeNew();
          for (const consistency of ["minimize-latency", "higher"])
            expect(open.filter((call) => call.consistency === consistency).length).toBeLessThanOrEqual(2);
        }
        await pass(5_000);
        await Promise.all(waiting);
        expect(problems).toEqual([]);
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 300 },
    );
  },
);

/** Stands for a yes or no and records what it is about. */
class Told {
  readonly name: string;
  readonly at: number;
  constructor(name: string, at: number) {
    this.name = name;
    this.at = at;
  }
}
