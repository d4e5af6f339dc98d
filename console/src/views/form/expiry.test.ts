import { describe, expect, it } from "vitest";
import { dayMs, endingOf, type LifetimeLimits, lifetimesWithin, usualExpiry } from "./expiry.js";

const now = new Date("2026-03-12T10:00:00Z");
const free: LifetimeLimits = { mustEnd: false };
const vienna = { now, zone: "Europe/Vienna" };
const days = (limits: LifetimeLimits) => lifetimesWithin(limits).map((ms) => ms / dayMs);

describe("the lifetimes to choose from", () => {
  it("are cut to the longest that is allowed, which is one of them", () => {
    expect(days(free)).toEqual([7, 30, 60, 90, 180, 365]);
    expect(days({ mustEnd: true, mostMs: 45 * dayMs })).toEqual([7, 30, 45]);
    expect(days({ mustEnd: true, mostMs: dayMs / 24 })).toEqual([1 / 24]);
    expect(days({ mustEnd: false, usualMs: 14 * dayMs })).toEqual([7, 14, 30, 60, 90, 180, 365]);
  });

  it("start with the usual one, never with a longer one than allowed", () => {
    expect(usualExpiry(free)).toEqual({ kind: "for", ms: 90 * dayMs });
    expect(usualExpiry({ mustEnd: true, usualMs: 90 * dayMs, mostMs: 30 * dayMs })).toEqual({
      kind: "for",
      ms: 30 * dayMs,
    });
  });
});

describe("the end of a token", () => {
  it("is the end of the local day", () => {
    const ending = endingOf({ kind: "for", ms: 30 * dayMs }, free, vienna);
    // Summer time has begun by then.
    expect(ending).toMatchObject({
      ok: true,
      time: new Date("2026-04-11T21:59:59Z"),
      lifetime: { case: "expireTime" },
    });
    const auckland = endingOf({ kind: "day", day: "2026-03-13" }, free, { now, zone: "Pacific/Auckland" });
    expect(auckland).toMatchObject({ ok: true, time: new Date("2026-03-13T10:59:59Z") });
  });

  it("is never later than allowed: the longest lifetime is sent as one", () => {
    const ending = endingOf({ kind: "for", ms: 30 * dayMs }, { mustEnd: true, mostMs: 30 * dayMs }, vienna);
    expect(ending).toMatchObject({ ok: true, time: new Date("2026-04-11T10:00:00Z"), lifetime: { case: "ttl" } });
  });

  it("is exact where the lifetime is shorter than a day", () => {
    const hour = dayMs / 24;
    expect(endingOf({ kind: "for", ms: hour }, { mustEnd: true, mostMs: hour }, vienna)).toMatchObject({
      time: new Date(now.getTime() + hour),
      lifetime: { case: "ttl" },
    });
  });

  it("on the last day that is allowed is what is allowed of it", () => {
    const limits = { mustEnd: true, mostMs: 2 * dayMs };
    expect(endingOf({ kind: "day", day: "2026-03-14" }, limits, vienna)).toMatchObject({
      ok: true,
      time: new Date("2026-03-14T10:00:00Z"),
    });
    expect(endingOf({ kind: "day", day: "2026-03-15" }, limits, vienna)).toEqual({
      ok: false,
      problem: "tooLate",
      latest: new Date("2026-03-14T10:00:00Z"),
    });
  });

  it("is today at the earliest, and must be chosen", () => {
    expect(endingOf({ kind: "day", day: "2026-03-12" }, free, vienna)).toMatchObject({ ok: true });
    expect(endingOf({ kind: "day", day: "2026-03-11" }, free, vienna)).toEqual({ ok: false, problem: "past" });
    expect(endingOf({ kind: "day", day: "" }, free, vienna)).toEqual({ ok: false, problem: "missing" });
    expect(endingOf({ kind: "never" }, free, vienna)).toMatchObject({ ok: true, lifetime: { case: "neverExpires" } });
  });
});
