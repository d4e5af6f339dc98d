import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../domain/errors.js";
import type { SubjectName } from "../domain/identifier.js";
import type { SecretId, TokenId } from "../domain/token.js";
import type { Caller, Permission } from "./caller.js";
import { CallerLimits, type CallerLimitsOptions, type Excess } from "./limits.js";

const user = (name: string, over: object = {}): Caller => ({
  kind: "user",
  subject: `user:${name}` as SubjectName,
  admin: false,
  ...over,
});
const service = (...permissions: Permission[]) =>
  ({ kind: "service", name: "shop", permissions: new Set(permissions) }) as const;
const token = (id: string): Caller => ({
  kind: "token",
  id: id as TokenId,
  subject: "user:alice" as SubjectName,
  secretId: "sec_x" as SecretId,
  address: undefined,
});

/** Returns limits with a clock that tests set. Without `over`, they are the defaults of the configuration. */
function setUp(over: Partial<CallerLimitsOptions> = {}) {
  const time = { now: 5_000 };
  const told: (Excess & { readonly method: string })[] = [];
  const limits = new CallerLimits({
    limits: {
      creations: { burst: 100, intervalMs: 36_000 },
      revocations: { burst: 20, intervalMs: 1_000 },
      lists: { burst: 10, intervalMs: 100 },
    },
    monotonicMs: () => time.now,
    onExcess: (excess, method) => told.push({ ...excess, method }),
    ...over,
  });
  /** Makes a call. Returns the milliseconds to wait; 0 when it is admitted. */
  const wait = (caller: Caller, rule: Parameters<CallerLimits["require"]>[1]): number => {
    try {
      limits.require(caller, rule, "patwarden.v1.TokenService/X");
      return 0;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect(error).toMatchObject({ reason: "OVERLOADED", metadata: { limit: rule } });
      return error.retryDelayMs ?? Number.NaN;
    }
  };
  /** Makes `count` calls at once. Returns how many are admitted. */
  const admitted = (count: number, ...call: Parameters<typeof wait>): number =>
    Array.from({ length: count }, () => wait(...call)).filter((ms) => ms === 0).length;
  return { time, told, limits, wait, admitted };
}

const alice = user("alice");

describe("limits of callers", () => {
  it.each([
    ["creations", 100, 36_000],
    ["revocations", 20, 1_000],
    ["lists", 10, 100],
  ] as const)("%s: %i at once, then one every %i ms, and the refusal says when", (limit, burst, intervalMs) => {
    const { time, wait, admitted } = setUp();
    expect(admitted(burst + 5, alice, limit)).toBe(burst);
    expect(wait(alice, limit)).toBe(intervalMs);
    time.now += intervalMs - 1;
    expect(wait(alice, limit)).toBe(1);
    time.now += 1;
    expect(admitted(2, alice, limit)).toBe(1);
    time.now += 3 * intervalMs;
    expect(admitted(5, alice, limit)).toBe(3);
    time.now += 2 * burst * intervalMs;
    expect(admitted(burst + 5, alice, limit)).toBe(burst);
  });

  const rates = { burst: fc.integer({ min: 1, max: 20 }), perMinute: fc.integer({ min: 1, max: 1_000 }) };

  it("RL-5 never refuse a caller that keeps to the rate", () => {
    fc.assert(
      fc.property(fc.record(rates), fc.array(fc.nat(100), { maxLength: 200 }), ({ burst, perMinute }, idle) => {
        const intervalMs = 60_000 / perMinute;
        const { time, wait } = setUp({ limits: { lists: { burst, intervalMs } } });
        for (const more of idle) {
          expect(wait(alice, "lists")).toBe(0);
          time.now += intervalMs + more;
        }
      }),
    );
  });

  it("admit no more than burst and rate in any interval, and admit each caller that has waited as long as told", () => {
    const steps = fc.array(fc.oneof(fc.constant("as told" as const), fc.nat(5_000)), { maxLength: 200 });
    fc.assert(
      fc.property(fc.record(rates), steps, ({ burst, perMinute }, pauses) => {
        const intervalMs = 60_000 / perMinute;
        const { time, wait } = setUp({ limits: { lists: { burst, intervalMs } } });
        const times: number[] = [];
        let told = 0;
        for (const pause of pauses) {
          time.now += pause === "as told" ? told : pause;
          const waited = pause === "as told" && told > 0;
          told = wait(alice, "lists");
          if (waited) expect(told).toBe(0);
          if (told === 0) times.push(time.now);
        }
        for (const [first, from] of times.entries()) {
          for (const [last, to] of times.entries()) {
            // The bound allows a rounding error of one millisecond.
            if (last >= first)
              expect(last - first + 1).toBeLessThanOrEqual(burst + (to - from + 1) / intervalMs + 1e-6);
          }
        }
      }),
    );
  });

  it("T23 count each caller separately: a caller does not use up another's limit, nor a token that of its user", () => {
    const { wait, admitted } = setUp();
    const callers = [alice, user("alicea"), user("bob"), token("tok_1"), token("tok_2")];
    for (const caller of callers) expect(admitted(101, caller, "creations")).toBe(100);
    expect(wait(user("carol"), "creations")).toBe(0);
  });

  it("count calls of a user together, through any service", () => {
    const { admitted } = setUp();
    expect(admitted(60, alice, "creations")).toBe(60);
    expect(admitted(60, user("alice", { via: service("tokens.behalf") }), "creations")).toBe(40);
  });

  it("are independent of each other", () => {
    const { admitted } = setUp();
    for (const [limit, burst] of [
      ["creations", 100],
      ["revocations", 20],
      ["lists", 10],
    ] as const)
      expect(admitted(200, alice, limit)).toBe(burst);
    expect(admitted(200, alice, "none")).toBe(200);
  });

  it.each<[string, Caller]>([
    ["a service", service("tokens.impersonate")],
    ["a service with fewer permissions", service("tokens.revoke")],
    ["an administrator of the deployment", user("root", { admin: true })],
  ])("do not apply to %s", (_, caller) => {
    const { admitted, told } = setUp();
    expect(admitted(500, caller, "creations")).toBe(500);
    expect(told).toEqual([]);
  });

  it("can be turned off one by one", () => {
    const { admitted } = setUp({ limits: { lists: { burst: 1, intervalMs: 1_000 } } });
    expect(admitted(500, alice, "creations")).toBe(500);
    expect(admitted(500, alice, "lists")).toBe(1);
  });

  it("report every refused call, and whether it is the caller's first in a minute", () => {
    const { time, told, admitted } = setUp();
    admitted(13, alice, "lists");
    admitted(22, alice, "revocations");
    admitted(11, user("bob"), "lists");
    const seen = () =>
      told.splice(0).map(({ limit, caller, first }) => [caller.kind === "user" && caller.subject, limit, first]);
    expect(seen()).toEqual([
      ["user:alice", "lists", true],
      ["user:alice", "lists", false],
      ["user:alice", "lists", false],
      ["user:alice", "revocations", false],
      ["user:alice", "revocations", false],
      ["user:bob", "lists", true],
    ]);
    time.now += 60_000;
    admitted(12, alice, "lists");
    expect(seen()).toEqual([
      ["user:alice", "lists", true],
      ["user:alice", "lists", false],
    ]);
  });

  it("T21 remember at most `maxCallers`; a caller that has used up a limit stays refused while others come and go", () => {
    const { time, wait, admitted } = setUp({ maxCallers: 100 });
    expect(admitted(101, alice, "creations")).toBe(100);
    for (let stranger = 0; stranger < 10_000; stranger++) {
      wait(user(`stranger-${stranger}`), stranger % 2 === 0 ? "creations" : "lists");
      time.now += 1;
      if (stranger % 100 === 0) expect(wait(alice, "creations")).toBeGreaterThan(0);
    }
    expect(wait(alice, "creations")).toBe(36_000 - 10_000);
  });
});
