import { describe, expect, it } from "vitest";
import { ComparedClock } from "./compared-clock.js";

describe("the clock that is compared", () => {
  const setUp = () => {
    const at = { wallMs: 1_800_000_000_000, monotonicMs: 500 };
    const clock = new ComparedClock({ wallMs: () => at.wallMs, monotonicMs: () => at.monotonicMs });
    clock.compared(true);
    const pass = (ms: number): void => {
      at.wallMs += ms;
      at.monotonicMs += ms;
    };
    return { at, clock, pass, nowMs: () => clock.now().getTime() };
  };

  it("S27 ignores a step back until it has been compared", () => {
    const { at, clock, pass, nowMs } = setUp();
    at.wallMs -= 3_600_000;
    pass(1_000);
    expect(nowMs()).toBe(1_800_000_001_000);
    clock.compared(false);
    expect(clock.fault).toMatchObject({
      reason: "DATABASE_UNAVAILABLE",
      metadata: { problem: "the clocks of this replica and of the database differ by more than a second" },
    });
    pass(1_000);
    expect(nowMs()).toBe(1_800_000_002_000);
    clock.compared(true);
    expect(clock.fault).toBeUndefined();
    expect(nowMs()).toBe(at.wallMs);
  });

  it("follows a step forward at once, as after a suspension of the machine", () => {
    const { at, nowMs } = setUp();
    at.wallMs += 10_000;
    expect(nowMs()).toBe(1_800_000_010_000);
  });

  it("is the machine's own clock until it is compared", () => {
    expect(new ComparedClock({ wallMs: () => 5, monotonicMs: () => 7 }).now().getTime()).toBe(5);
  });
});
