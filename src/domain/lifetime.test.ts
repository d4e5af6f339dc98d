import { afterEach, describe, expect, it } from "vitest";
import { endOf, type Lifetime, parseTimestamp, resolveExpiry } from "./lifetime.js";

const now = new Date("2026-03-01T12:00:00.123Z");
const day = 86_400_000;
const later = (ms: number): Date => new Date(now.getTime() + ms);
const ttl = (seconds: bigint, nanos = 0): Lifetime => ({ kind: "ttl", seconds, nanos });
const resolve = (lifetime: Lifetime, notBefore?: Date) =>
  resolveExpiry({ lifetime, now, defaultLifetimeMs: 90 * day, notBefore });

describe("resolveExpiry", () => {
  it.each<[string, Lifetime, Date | undefined]>([
    ["the default", { kind: "default" }, later(90 * day)],
    ["never", { kind: "never" }, undefined],
    ["one second", ttl(1n), later(1000)],
    ["a part of a second, to the millisecond", ttl(1n, 999_999_999), later(1999)],
    ["ten years", ttl(315_532_800n), later(3652 * day)],
    ["the next millisecond", { kind: "date", time: later(1) }, later(1)],
    ["a date ten years ahead", { kind: "date", time: later(3652 * day) }, later(3652 * day)],
  ])("grants %s", (_what, lifetime, expireTime) => {
    expect(resolve(lifetime)).toEqual({ ok: true, expireTime });
  });

  it.each<[string, Lifetime, string]>([
    ["a ttl of 0", ttl(0n), "ttl"],
    ["a ttl under a second", ttl(0n, 999_999_999), "ttl"],
    ["a negative ttl", ttl(-1n), "ttl"],
    ["a negative ttl with negative nanos", ttl(-1n, -1), "ttl"],
    ["nanos of a second and more", ttl(1n, 1_000_000_000), "ttl"],
    ["negative nanos", ttl(5n, -1), "ttl"],
    ["ten years and a millisecond", ttl(315_532_800n, 1_000_000), "ttl"],
    ["10,000 years", ttl(315_576_000_000n), "ttl"],
    ["the greatest number there is", ttl(2n ** 63n - 1n), "ttl"],
    ["the smallest number there is", ttl(-(2n ** 63n)), "ttl"],
    ["now", { kind: "date", time: now }, "expire_time"],
    ["a past date", { kind: "date", time: later(-1) }, "expire_time"],
    ["a date more than ten years ahead", { kind: "date", time: later(3652 * day + 1) }, "expire_time"],
    ["no date at all", { kind: "date", time: new Date(Number.NaN) }, "expire_time"],
  ])("refuses %s", (_what, lifetime, field) => {
    expect(resolve(lifetime)).toMatchObject({ ok: false, field });
  });

  it.each<[string, Lifetime, number, boolean]>([
    ["before a ttl's end", ttl(10n), 9_999, true],
    ["at a ttl's end", ttl(10n), 10_000, false],
    ["at a date", { kind: "date", time: later(5) }, 5, false],
    ["after the default", { kind: "default" }, 91 * day, false],
    ["whenever, without an end", { kind: "never" }, 5000 * day, true],
    ["in the past", ttl(10n), -day, true],
  ])("a start %s: %s", (_what, lifetime, notBeforeMs, ok) => {
    const expiry = resolve(lifetime, later(notBeforeMs));
    expect(expiry.ok).toBe(ok);
    if (!expiry.ok) expect(expiry.field).toBe("not_before");
  });
});

describe("the lifetime of a token", () => {
  const zone = process.env["TZ"];
  afterEach(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  // Clocks that turn by an hour and by half of one, north and south; Samoa left out the whole 30th of December 2011.
  it.each([
    ["America/New_York", 2026],
    ["America/Sao_Paulo", 2018],
    ["America/St_Johns", 2026],
    ["Europe/Berlin", 2026],
    ["Australia/Lord_Howe", 2026],
    ["Pacific/Chatham", 2026],
    ["Pacific/Apia", 2011],
  ])("EX-7 is the same in every hour of the year, in %s of %i", (timeZone, year) => {
    process.env["TZ"] = timeZone;
    const offsets = Array.from({ length: 12 }, (_, month) => new Date(year, month).getTimezoneOffset());
    expect(new Set(offsets).size, "the zone turns its clocks").toBeGreaterThan(1);
    const lifetimes = new Set<number>();
    const end = Date.UTC(year + 1, 0);
    for (let ms = Date.UTC(year, 0); ms < end; ms += day / 24) {
      const issued = new Date(ms);
      const input = { now: issued, defaultLifetimeMs: 90 * day, notBefore: undefined };
      for (const lifetime of [ttl(1800n), ttl(86_400n), { kind: "default" } as const]) {
        const expiry = resolveExpiry({ ...input, lifetime });
        lifetimes.add(expiry.ok && expiry.expireTime ? expiry.expireTime.getTime() - ms : Number.NaN);
      }
    }
    expect([...lifetimes]).toEqual([1_800_000, day, 90 * day]);
  });
});

describe("parseTimestamp", () => {
  it.each([
    ["the epoch", 0n, 0, "1970-01-01T00:00:00.000Z"],
    ["milliseconds, rounded down", 1n, 1_999_999, "1970-01-01T00:00:01.001Z"],
    ["before the epoch", -1n, 500_000_000, "1969-12-31T23:59:59.500Z"],
    ["the first instant", -62_135_596_800n, 0, "0001-01-01T00:00:00.000Z"],
    ["the last instant", 253_402_300_799n, 999_999_999, "9999-12-31T23:59:59.999Z"],
  ])("reads %s", (_what, seconds, nanos, iso) => {
    const parsed = parseTimestamp({ seconds, nanos });
    expect(parsed.ok && parsed.value.toISOString()).toBe(iso);
  });

  it.each([
    ["the year 0", -62_135_596_801n, 0],
    ["the year 10000", 253_402_300_800n, 0],
    ["a second of nanos", 0n, 1_000_000_000],
    ["negative nanos", 0n, -1],
    ["the greatest number there is", 2n ** 63n - 1n, 0],
  ])("refuses %s", (_what, seconds, nanos) => {
    expect(parseTimestamp({ seconds, nanos }).ok).toBe(false);
  });
});

describe("the end of a secret", () => {
  const [soon, late] = [new Date(1_000), new Date(2_000)];
  it.each<[Date | undefined, Date | undefined, Date | undefined]>([
    [undefined, undefined, undefined],
    [soon, undefined, soon],
    [undefined, soon, soon],
    [late, soon, soon],
    // The token was given an earlier end after the rotation.
    [soon, late, soon],
  ])("S3 of a token that ends at %o, itself retired at %o, is %o", (expireTime, retireTime, end) => {
    expect(endOf({ expireTime }, { retireTime })).toEqual(end);
  });
});
