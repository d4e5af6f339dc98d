import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAddress } from "./network.js";
import { keyOfAddress, type Limit, RateLimiter } from "./rate-limiter.js";

/** A limiter under a clock that is set. */
function setUp(limit: Limit, maxKeys = 10_000) {
  const time = { now: 5_000 };
  const limiter = new RateLimiter({ limit, monotonicMs: () => time.now, maxKeys });
  /** How many of so many calls at once are admitted. */
  const admitted = (count: number, key = "a"): number =>
    Array.from({ length: count }, () => limiter.waitMs(key)).filter((ms) => ms === 0).length;
  return { time, limiter, admitted };
}

describe("a rate limiter", () => {
  it("admits a burst, then one each interval, and says how long to wait", () => {
    const { time, limiter, admitted } = setUp({ burst: 20, intervalMs: 3_000 });
    expect(admitted(25)).toBe(20);
    expect(limiter.waitMs("a")).toBe(3_000);
    time.now += 2_999;
    expect(limiter.waitMs("a")).toBe(1);
    time.now += 1;
    expect(admitted(2)).toBe(1);
    time.now += 7_000;
    expect(admitted(5)).toBe(2);
    time.now += 120_000;
    expect(admitted(25)).toBe(20);
  });

  it("never refuses a key that keeps to the rate, even with intervals below a millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.array(fc.nat(3), { maxLength: 200 }), (rate, idle) => {
        const { time, limiter } = setUp({ burst: rate, intervalMs: 1_000 / rate });
        for (const more of idle) {
          expect(limiter.waitMs("a")).toBe(0);
          time.now += 1_000 / rate + more;
        }
      }),
    );
  });

  it("holds each key apart", () => {
    const { admitted } = setUp({ burst: 3, intervalMs: 1_000 });
    for (const key of ["a", "b", ""]) expect(admitted(9, key)).toBe(3);
  });

  it("remembers at most `maxKeys` keys, even when no bucket is ever full", () => {
    const { limiter } = setUp({ burst: 1, intervalMs: 60_000 }, 50);
    for (let key = 0; key < 1_000; key++) limiter.waitMs(`key-${key}`);
    expect(limiter.size).toBeLessThanOrEqual(50);
  });

  it("forgets all keys with full buckets when it needs room", () => {
    const { time, limiter } = setUp({ burst: 1, intervalMs: 1_000 }, 50);
    for (let key = 0; key < 50; key++) limiter.waitMs(`key-${key}`);
    time.now += 1_000;
    limiter.waitMs("new");
    expect(limiter.size).toBe(1);
  });

  it("forgets keys with full buckets first, so that a key without calls left stays refused while others come and go", () => {
    const { time, limiter, admitted } = setUp({ burst: 20, intervalMs: 3_000 }, 100);
    expect(admitted(20, "attacker")).toBe(20);
    for (let key = 0; key < 5_000; key++) {
      limiter.waitMs(`key-${key}`);
      time.now += 0.5;
    }
    expect(limiter.waitMs("attacker")).toBe(500);
  });
});

describe("the key of an address", () => {
  const keyOf = (text: string | undefined): string => {
    const parsed = text === undefined ? undefined : parseAddress(text);
    return keyOfAddress(parsed?.ok ? parsed.value : undefined);
  };

  it.each([
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["::ffff:192.0.2.1", "192.0.2.1", true],
    ["2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", true],
    ["2001:db8::1", "2001:db8:0:1::1", false],
    ["::1", "127.0.0.1", false],
  ])("of %s and %s is one: %s", (one, other, same) => {
    expect(keyOf(one) === keyOf(other)).toBe(same);
  });

  it("that is not known is one like any other", () => {
    expect([undefined, "192.0.2.1"].map(keyOf)).toEqual(["", "192.0.2.1"]);
  });
});
