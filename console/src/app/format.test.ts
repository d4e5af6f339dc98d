import { describe, expect, it } from "vitest";
import { formatsOf } from "./format.js";

describe("formats", () => {
  const time = new Date("2026-03-12T22:59:00Z");

  it("say date, zone and UTC", () => {
    const vienna = formatsOf("en-GB", "Europe/Vienna");
    expect(vienna.dateTime(time)).toMatch(/^12 Mar 2026, 23:59 (CET|GMT\+1)$/);
    expect(vienna.utc(time)).toBe("2026-03-12 22:59 UTC");
    expect(formatsOf("en-GB", "Pacific/Auckland").dateTime(time)).toMatch(/^13 Mar 2026, 11:59 /);
    expect(formatsOf("de-AT", "Europe/Vienna").date(time)).toMatch(/^12\.0?3\.2026$/);
  });

  it("name a day of UTC by itself, also where it has not begun", () => {
    expect(formatsOf("en-GB", "America/Los_Angeles").utcDay(new Date("2026-03-12T00:00:00Z"))).toBe("12 Mar 2026");
  });

  it("round times towards zero, so that what is left is never too much", () => {
    const { relative, duration } = formatsOf("en", "UTC");
    const later = (ms: number) => relative(new Date(time.getTime() + ms), time);
    expect(later(2 * 86_400_000 + 86_399_000)).toBe("in 2 days");
    expect(later(-3_600_000)).toBe("1 hour ago");
    expect(later(400 * 86_400_000)).toBe("in 400 days");
    expect(later(800 * 86_400_000)).toBe("in 2 years");
    expect(duration(90 * 86_400_000)).toBe("90 days");
    expect(duration(1000)).toBe("1 second");
  });
});
