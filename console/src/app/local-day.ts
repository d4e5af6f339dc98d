/** A day of the calendar, in a time zone that is told beside it. */
export interface Day {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns what clocks in the zone show, as if it were UTC, in milliseconds. */
function shownIn(zone: string, time: number): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const part = (name: string) => parts[name] ?? 0;
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

/** Returns the day that it is in the zone. */
export function dayOf(time: Date, zone: string): Day {
  const shown = new Date(shownIn(zone, Math.floor(time.getTime() / 1000) * 1000));
  return { year: shown.getUTCFullYear(), month: shown.getUTCMonth() + 1, day: shown.getUTCDate() };
}

/** Returns the day that is this many days later. */
export function addDays({ year, month, day }: Day, days: number): Day {
  const moved = new Date(Date.UTC(year, month - 1, day + days));
  return { year: moved.getUTCFullYear(), month: moved.getUTCMonth() + 1, day: moved.getUTCDate() };
}

/** Returns the last second of the day in the zone, also where the clocks change on that day or at its midnight. */
export function endOfDay({ year, month, day }: Day, zone: string): Date {
  const wanted = Date.UTC(year, month - 1, day, 23, 59, 59);
  let time = wanted;
  // The offset is that of the result: it is looked up again where the first guess lies beyond a change.
  for (let round = 0; round < 3; round += 1) time = wanted - (shownIn(zone, time) - time);
  return new Date(time);
}

/** Returns `2026-03-29`, the value of a date field. */
export const dayText = ({ year, month, day }: Day): string =>
  `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;

/** Reads the value of a date field. Undefined: it is empty or no date. */
export function parseDay(text: string): Day | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const parsed = { year: Number(year), month: Number(month), day: Number(day) };
  return dayText(addDays(parsed, 0)) === text ? parsed : undefined;
}
