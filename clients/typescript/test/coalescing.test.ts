import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { stalledMs } from "../src/coalescer.js";
import type { Decision, PatwardenClient } from "../src/index.js";
import {
  BatchCheckResponseSchema,
  type CheckErrorSchema,
  CheckResponseSchema,
  Consistency,
  Reason,
} from "../src/v1.js";
import { openClient, tokenOf } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";
import { batchOf, checkOf, type Respond, type Seen, startRelay, unavailable } from "./kit/relay.js";

const relay = await startRelay();
const alice = tokenOf("alice").secret;
let client: PatwardenClient;

beforeEach(() => {
  relay.interfere = undefined;
  relay.forget();
  // Each has a budget of retries of its own.
  client = openClient({ endpoint: relay.endpoint });
});

const ask = (resource = "document:roadmap", options = {}): Promise<Decision> =>
  client.check(alice, resource, "viewer", { timeoutMs: 20_000, ...options });

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** Resolves when that many calls have come to the relay. */
const seen = (count: number) => expect.poll(() => relay.seen.length, { timeout: 10_000, interval: 5 }).toBe(count);

/** Holds every call until it is let go. */
function hold(): { readonly held: readonly (() => void)[]; release(): void } {
  const held: (() => void)[] = [];
  relay.interfere = (one, respond) => {
    held.push(() => respond(null, answerTo(one)));
    return "taken";
  };
  return {
    held,
    release() {
      relay.interfere = undefined;
      for (const letGo of held.splice(0)) letGo();
    },
  };
}

function decision(allowed: boolean) {
  return create(CheckResponseSchema, {
    allowed,
    tokenValid: true,
    reason: allowed ? Reason.ALLOWED : Reason.NOT_PERMITTED,
    subject: "user:alice",
  });
}

/** Yes to each question, whatever it is. */
function answerTo(one: Seen): Buffer {
  if (one.method === "Check") return Buffer.from(toBinary(CheckResponseSchema, decision(true)));
  const results = batchOf(one).items.map(() => ({ result: { case: "decision" as const, value: decision(true) } }));
  return Buffer.from(toBinary(BatchCheckResponseSchema, create(BatchCheckResponseSchema, { results })));
}

describe("checks of one turn of the event loop", () => {
  it("are sent as one BatchCheck, and each gets its own answer", async () => {
    const decisions = await Promise.all([
      ask("document:roadmap"),
      client.check(tokenOf("acme").secret, "document:price-list", "viewer"),
      ask("document:payroll"),
      client.check(tokenOf("revoked").secret, "document:roadmap", "viewer"),
    ]);
    expect(decisions.map(({ reason, subject }) => [reason, subject])).toEqual([
      ["ALLOWED", "user:alice"],
      ["ALLOWED", "organization:acme"],
      ["NOT_PERMITTED", "user:alice"],
      ["TOKEN_REVOKED", "user:alice"],
    ]);
    expect(relay.calls).toEqual(["BatchCheck of 4"]);
  });

  it("go as a Check when there is only one", async () => {
    expect(await ask()).toMatchObject({ allowed: true });
    expect(relay.calls).toEqual(["Check"]);
  });

  it("include those that are asked in microtasks and by callbacks of the same turn", async () => {
    await Promise.all([
      ask(),
      Promise.resolve().then(() => ask()),
      new Promise((resolve) => process.nextTick(() => resolve(ask()))),
    ]);
    expect(relay.calls).toEqual(["BatchCheck of 3"]);
  });

  it("do not include those of a later turn", async () => {
    const { held, release } = hold();
    const first = ask();
    await seen(1);
    const second = ask();
    await seen(2);
    expect(held).toHaveLength(2);
    release();
    await Promise.all([first, second]);
    expect(relay.calls).toEqual(["Check", "Check"]);
  });

  it("each keep their context and consistency", async () => {
    const office = tokenOf("alice_at_office").secret;
    const [inside, outside, unknown] = await Promise.all([
      client.check(office, "document:roadmap", "viewer", {
        context: { clientIp: "192.0.2.7", usageUnits: 0, usageId: "request-7" },
        consistency: "HIGHER_CONSISTENCY",
      }),
      client.check(office, "document:roadmap", "viewer", { context: { clientIp: "192.0.3.7" } }),
      client.check(office, "document:roadmap", "viewer", { consistency: "MINIMIZE_LATENCY" }),
    ]);
    expect([inside.reason, outside.reason, unknown.reason]).toEqual([
      "ALLOWED",
      "NETWORK_NOT_ALLOWED",
      "NETWORK_NOT_ALLOWED",
    ]);
    const [batch] = relay.seen.map(batchOf);
    expect(batch).toMatchObject({ token: "", consistency: Consistency.UNSPECIFIED });
    expect(batch?.context).toBeUndefined();
    expect(batch?.items).toMatchObject([
      {
        context: { clientIp: "192.0.2.7", usageUnits: 0, usageId: "request-7" },
        consistency: Consistency.HIGHER_CONSISTENCY,
      },
      { context: { clientIp: "192.0.3.7" }, consistency: Consistency.UNSPECIFIED },
      { consistency: Consistency.MINIMIZE_LATENCY },
    ]);
    expect(batch?.items[2]?.context).toBeUndefined();
    expect(batch?.items[1]?.context?.usageUnits).toBeUndefined();
  });

  it("leave out those that ask for claims, which no batch answers", async () => {
    const [plain, claiming] = await Promise.all([ask(), ask("document:roadmap", { claims: ["plan"] }), ask()]);
    expect(relay.calls.toSorted()).toEqual(["BatchCheck of 2", "Check"]);
    expect(plain.claims).toEqual({});
    expect(claiming.claims).toEqual({ plan: "gold" });
  });

  it("leave out malformed secrets, which no call is made for", async () => {
    const cutOff = alice.slice(0, -3);
    const [malformed, answered] = await Promise.all([client.check(cutOff, "document:roadmap", "viewer"), ask()]);
    expect(malformed).toMatchObject({ allowed: false, tokenValid: false, reason: "TOKEN_MALFORMED" });
    expect(answered.allowed).toBe(true);
    expect(relay.calls).toEqual(["Check"]);
    expect(relay.seen.map(checkOf)).toMatchObject([{ token: alice }]);
  });

  it("are sent alone when coalescing is disabled", async () => {
    client = openClient({ endpoint: relay.endpoint, coalesce: false });
    await Promise.all([ask(), ask()]);
    expect(relay.calls).toEqual(["Check", "Check"]);
  });

  it("are split at 500 items", async () => {
    const { release } = hold();
    const decisions = Promise.all(times(1_201, () => ask()));
    await seen(3);
    expect(relay.calls.toSorted()).toEqual(["BatchCheck of 201", "BatchCheck of 500", "BatchCheck of 500"]);
    release();
    expect((await decisions).every(({ allowed }) => allowed)).toBe(true);
  });

  it("are split at 200 KiB, which the server takes", async () => {
    // Too long for an id: it is an error of its own, whatever it is sent with.
    const long = `document:${"x".repeat(1_000)}`;
    const answers = await Promise.allSettled([...times(300, () => ask(long)), ask()]);
    expect(answers.slice(0, 300).every((answer) => answer.status === "rejected")).toBe(true);
    expect(answers.slice(0, 300).map((answer) => answer.status === "rejected" && answer.reason.code)).toEqual(
      times(300, () => "INVALID_ARGUMENT"),
    );
    expect(answers.at(-1)).toMatchObject({ status: "fulfilled", value: { allowed: true } });
    expect(relay.calls).toHaveLength(2);
    for (const { bytes } of relay.seen) expect(bytes.length).toBeLessThanOrEqual(200 * 1024);
  });

  it("that are too large by themselves spoil nobody's", async () => {
    const [huge, answered] = await Promise.allSettled([ask(`document:${"x".repeat(300 * 1024)}`), ask()]);
    expect(huge).toMatchObject({ status: "rejected", reason: { code: "RESOURCE_EXHAUSTED", reason: undefined } });
    expect(answered).toMatchObject({ status: "fulfilled", value: { allowed: true } });
  });
});

describe("calls in flight", () => {
  it("are at most four, and what waits joins the next batch", async () => {
    // On a slow machine they must not count as stalled.
    const { setTimeout } = globalThis;
    vi.spyOn(globalThis, "setTimeout").mockImplementation((callback, delayMs) =>
      setTimeout(callback, delayMs === stalledMs ? 60_000 : delayMs),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    const { release } = hold();
    const decisions: Promise<Decision>[] = [];
    for (const count of [1, 2, 3, 4]) {
      decisions.push(ask());
      await seen(count);
    }
    // In turns of their own.
    for (const _ of times(3, () => 0)) {
      decisions.push(ask());
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(relay.calls).toEqual(["Check", "Check", "Check", "Check"]);
    release();
    await Promise.all(decisions);
    expect(relay.calls).toEqual(["Check", "Check", "Check", "Check", "BatchCheck of 3"]);
  });
});

describe("calls that take more than half a second", () => {
  it("no longer hold up the checks behind them", async () => {
    const { release } = hold();
    const stalled: Promise<Decision>[] = [];
    for (const count of [1, 2, 3, 4]) {
      stalled.push(ask());
      await seen(count);
    }
    relay.interfere = undefined;
    expect(await ask()).toMatchObject({ allowed: true });
    release();
    await Promise.all(stalled);
  });
});

describe("waiting", () => {
  it("ends at the deadline of each, and the call has the latest", async () => {
    const { held, release } = hold();
    const now = Date.now();
    const soon = ask("document:roadmap", { timeoutMs: 100 });
    const later = ask("document:roadmap", { timeoutMs: 25_000 });
    expect(await failureOf(soon)).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(held).toHaveLength(1);
    expect(relay.calls).toEqual(["BatchCheck of 2"]);
    expect(relay.seen[0]?.deadline).toBeGreaterThan(now + 20_000);
    release();
    expect(await later).toMatchObject({ allowed: true });
  });

  it("is a second when nothing is said", async () => {
    hold();
    const start = Date.now();
    expect(await failureOf(client.check(alice, "document:roadmap", "viewer"))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    expect(Date.now() - start).toBeGreaterThanOrEqual(990);
    expect((relay.seen[0]?.deadline ?? 0) - start).toBeLessThan(5_000);
  });

  it("ends by the signal of each, and the others are answered", async () => {
    const { release } = hold();
    const leaving = new AbortController();
    const gone = ask("document:roadmap", { signal: leaving.signal });
    const staying = ask();
    await seen(1);
    leaving.abort(new Error("the request was closed"));
    const failure = await failureOf(gone);
    expect(failure).toMatchObject({ code: "CANCELLED", cause: { message: "the request was closed" } });
    expect(relay.seen[0]?.cancelled).toBe(false);
    release();
    expect(await staying).toMatchObject({ allowed: true });
  });

  it("by many with one signal raises no warning", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    await Promise.all(times(50, () => ask("document:roadmap", { signal })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("by no check any more cancels the call", async () => {
    hold();
    const leaving = new AbortController();
    const both = [ask("document:roadmap", { signal: leaving.signal }), ask("document:roadmap", { timeoutMs: 200 })];
    await seen(1);
    leaving.abort();
    expect((await Promise.all(both.map(failureOf))).map(({ code }) => code)).toEqual([
      "CANCELLED",
      "DEADLINE_EXCEEDED",
    ]);
    await expect.poll(() => relay.seen[0]?.cancelled, { timeout: 10_000 }).toBe(true);
  });

  it("that has ended before anything was sent sends nothing", async () => {
    expect(await failureOf(ask("document:roadmap", { signal: AbortSignal.abort() }))).toMatchObject({
      code: "CANCELLED",
    });
    expect(await failureOf(ask("document:roadmap", { timeoutMs: 0 }))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await ask();
    expect(relay.calls).toEqual(["Check"]);
  });

  it("ends when the client is closed, also for what has not been sent", async () => {
    const waiting = ask();
    client.close();
    expect(await failureOf(waiting)).toMatchObject({ code: "CANCELLED" });
    expect(await failureOf(ask())).toMatchObject({ code: "CANCELLED" });
    expect(relay.calls).toEqual([]);
  });
});

describe("an error", () => {
  const itemError = (respond: Respond, one: Seen, error: Parameters<typeof create<typeof CheckErrorSchema>>[1]) => {
    const results = batchOf(one).items.map((_, index) =>
      index === 0
        ? { result: { case: "error" as const, value: error as never } }
        : { result: { case: "decision" as const, value: decision(false) } },
    );
    respond(null, Buffer.from(toBinary(BatchCheckResponseSchema, create(BatchCheckResponseSchema, { results }))));
  };

  it("of one item is that caller's alone, with code and reason of a Check of its own", async () => {
    const [bad, good] = await Promise.allSettled([ask("invoice:1"), ask()]);
    expect(relay.calls).toEqual(["BatchCheck of 2"]);
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "INVALID_ARGUMENT", reason: "UNKNOWN_TYPE" } });
    expect(good).toMatchObject({ status: "fulfilled", value: { allowed: true } });
    const alone = await failureOf(ask("invoice:1"));
    expect(relay.calls.at(-1)).toBe("Check");
    expect([alone.code, alone.reason]).toEqual(["INVALID_ARGUMENT", "UNKNOWN_TYPE"]);
  });

  it("UNAVAILABLE of one item is asked again, as a Check of its own would be", async () => {
    let failing = 1;
    relay.interfere = (one, respond) => {
      if (failing-- <= 0) return undefined;
      itemError(respond, one, { code: status.UNAVAILABLE, reason: "OPENFGA_UNAVAILABLE" });
      return "taken";
    };
    const [again, denied] = await Promise.all([ask(), ask()]);
    expect(again.allowed).toBe(true);
    expect(denied.allowed).toBe(false);
    expect(relay.calls).toEqual(["BatchCheck of 2", "Check"]);
  });

  it("UNAVAILABLE of one item is told after four attempts", async () => {
    relay.interfere = (one, respond) => {
      if (one.method === "Check") respond({ code: status.UNAVAILABLE, details: "not now" });
      else itemError(respond, one, { code: status.UNAVAILABLE, reason: "OPENFGA_UNAVAILABLE" });
      return "taken";
    };
    const [failed] = await Promise.allSettled([ask(), ask()]);
    expect(failed).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
    expect(relay.calls).toEqual(["BatchCheck of 2", "Check", "Check", "Check"]);
  });

  it("UNAVAILABLE of the whole is tried again for all of it", async () => {
    relay.interfere = unavailable(2);
    expect((await Promise.all([ask(), ask()])).every(({ allowed }) => allowed)).toBe(true);
    expect(relay.calls).toEqual(["BatchCheck of 2", "BatchCheck of 2", "BatchCheck of 2"]);
  });

  it("of the whole is everybody's", async () => {
    relay.interfere = (_, respond) => {
      respond({ code: status.RESOURCE_EXHAUSTED, details: "too much" });
      return "taken";
    };
    const failures = await Promise.all([failureOf(ask()), failureOf(ask())]);
    expect(failures.map(({ code }) => code)).toEqual(["RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]);
    expect(relay.calls).toEqual(["BatchCheck of 2"]);
  });

  it.each([
    ["an empty message", () => Buffer.alloc(0)],
    [
      "results without anything in them",
      () => toBinary(BatchCheckResponseSchema, create(BatchCheckResponseSchema, { results: [{}, {}] })),
    ],
    [
      "decisions without a reason",
      () =>
        toBinary(
          BatchCheckResponseSchema,
          create(BatchCheckResponseSchema, {
            results: times(2, () => ({ result: { case: "decision" as const, value: create(CheckResponseSchema) } })),
          }),
        ),
    ],
    [
      "an allowed decision about nobody",
      () =>
        toBinary(
          BatchCheckResponseSchema,
          create(BatchCheckResponseSchema, {
            results: times(2, () => ({
              result: {
                case: "decision" as const,
                value: create(CheckResponseSchema, { allowed: true, tokenValid: true, reason: Reason.ALLOWED }),
              },
            })),
          }),
        ),
    ],
    ["something that is no message", () => Buffer.from([0xff, 0xff, 0xff])],
    [
      "an error with the code of success",
      () =>
        toBinary(
          BatchCheckResponseSchema,
          create(BatchCheckResponseSchema, {
            results: times(2, () => ({ result: { case: "error" as const, value: { code: 0 } as never } })),
          }),
        ),
    ],
  ])("is what %s comes to, and neither yes nor no", async (_, reply) => {
    relay.interfere = (__, respond) => {
      respond(null, Buffer.from(reply()));
      return "taken";
    };
    const failures = await Promise.all([failureOf(ask()), failureOf(ask())]);
    for (const { code } of failures) expect(["INTERNAL", "UNKNOWN"]).toContain(code);
  });

  it.each([
    ["an empty message", () => Buffer.alloc(0)],
    [
      "an allowed decision about nobody",
      () =>
        toBinary(
          CheckResponseSchema,
          create(CheckResponseSchema, { allowed: true, tokenValid: true, reason: Reason.ALLOWED }),
        ),
    ],
  ])("is what %s comes to also for a Check", async (_, reply) => {
    relay.interfere = (__, respond) => {
      respond(null, Buffer.from(reply()));
      return "taken";
    };
    expect(await failureOf(ask())).toMatchObject({ code: "INTERNAL" });
    expect(await failureOf(ask("document:roadmap", { claims: ["*"] }))).toMatchObject({ code: "INTERNAL" });
  });

  it("is not told of a reason that this version does not know", async () => {
    relay.interfere = (_, respond) => {
      const reply = create(CheckResponseSchema, { tokenValid: true, reason: 34 as Reason, subject: "user:alice" });
      respond(null, Buffer.from(toBinary(CheckResponseSchema, reply)));
      return "taken";
    };
    expect(await ask()).toMatchObject({ allowed: false, tokenValid: true, reason: "REASON_34" });
  });
});
