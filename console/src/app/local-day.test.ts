import { describe, expect, it } from "vitest";
import { addDays, dayOf, dayText, endOfDay, parseDay } from "./local-day.js";

const day = (text: string) => {
  const parsed = parseDay(text);
  if (!parsed) throw new Error(`${text} is no day`);
  return parsed;
};

describe("the end of a local day", () => {
  it.each([
    ["2026-03-12", "UTC", "2026-03-12T23:59:59.000Z"],
    ["2026-03-12", "Europe/Vienna", "2026-03-12T22:59:59.000Z"],
    // The clocks are set forward, and back.
    ["2026-03-29", "Europe/Vienna", "2026-03-29T21:59:59.000Z"],
    ["2026-10-25", "Europe/Vienna", "2026-10-25T22:59:59.000Z"],
    ["2026-03-08", "America/Los_Angeles", "2026-03-09T06:59:59.000Z"],
    ["2026-01-15", "America/Los_Angeles", "2026-01-16T07:59:59.000Z"],
    // UTC+13 in summer.
    ["2026-01-15", "Pacific/Auckland", "2026-01-15T10:59:59.000Z"],
    ["2026-07-15", "Pacific/Auckland", "2026-07-15T11:59:59.000Z"],
    ["2026-06-01", "Asia/Kolkata", "2026-06-01T18:29:59.000Z"],
    // The clocks change at midnight: this day has no 00:00.
    ["2018-11-03", "America/Sao_Paulo", "2018-11-04T02:59:59.000Z"],
  ])("%s in %s is %s", (text, zone, end) => {
    const time = endOfDay(day(text), zone);
    expect(time.toISOString()).toBe(end);
    expect(dayText(dayOf(time, zone))).toBe(text);
    // The next second is the next day.
    expect(dayText(dayOf(new Date(time.getTime() + 1000), zone))).toBe(dayText(addDays(day(text), 1)));
  });
});

describe("a day", () => {
  it("is that of the zone, not of UTC", () => {
    const time = new Date("2026-03-12T11:30:00Z");
    expect(dayText(dayOf(time, "Pacific/Auckland"))).toBe("2026-03-13");
    expect(dayText(dayOf(time, "America/Los_Angeles"))).toBe("2026-03-12");
  });

  it("is followed by the next one over months and leap years", () => {
    expect(dayText(addDays(day("2028-02-28"), 1))).toBe("2028-02-29");
    expect(dayText(addDays(day("2026-12-31"), 1))).toBe("2027-01-01");
  });

  it.each(["", "2026-02-30", "2026-13-01", "12.3.2026", "2026-3-1"])("is not read from %j", (text) => {
    expect(parseDay(text)).toBeUndefined();
  });
});
