import { describe, expect, it } from "vitest";
import { durationMs } from "./duration.js";

describe("durations", () => {
  it.each([
    ["0s", 0],
    ["800ms", 800],
    ["1.5s", 1500],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["90d", 7_776_000_000],
    ["2w", 1_209_600_000],
    ["1y", 31_557_600_000],
  ])("read %s", (text, expected) => {
    expect(durationMs(text)).toBe(expected);
  });

  it.each(["", "5", "-5s", "+5s", "5 s", " 5s", "5S", "5sec", "s", "1e3s", ".5s", "5s5s", "9999999999s"])(
    "refuse %j",
    (text) => {
      expect(durationMs(text)).toBeUndefined();
    },
  );
});
