/** Dates, numbers and lists in the user's language and time zone. */
export interface Format {
  /** BCP 47, such as `de-AT`. */
  readonly locale: string;
  /** IANA, such as `Europe/Vienna`. */
  readonly zone: string;
  /** `12 Mar 2026`. */
  date(time: Date): string;
  /** `12 Mar 2026`, the day of UTC. */
  utcDay(time: Date): string;
  /** `12 Mar 2026, 23:59 CET`. */
  dateTime(time: Date): string;
  /** `2026-03-12 22:59 UTC`. Undefined: the clocks of the zone show just that. */
  utc(time: Date): string | undefined;
  /** `in 3 days`, `2 hours ago`. */
  relative(time: Date, now: Date): string;
  /** `3 days`, `1 hour`: rounded down to the largest unit that fits. */
  duration(milliseconds: number): string;
  number(value: number | bigint): string;
  /** `a, b and c`. */
  list(items: readonly string[]): string;
  /** `a, b or c`. */
  choice(items: readonly string[]): string;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 365 * day],
  ["day", day],
  ["hour", hour],
  ["minute", minute],
  ["second", 1000],
];

/** Returns the largest unit that fits and how many of it, rounded towards zero. */
export function largestUnit(milliseconds: number): readonly [number, Intl.RelativeTimeFormatUnit] {
  const size = Math.abs(milliseconds);
  // Two years are years, one and a half are days: `in 400 days` says more than `in 1 year`.
  const [unit, length] = units.find(([name, length]) => size >= (name === "year" ? 2 * length : length)) ?? [
    "second",
    1000,
  ];
  return [Math.trunc(milliseconds / length), unit];
}

/** Returns the formats of a language and a time zone. */
export function formatsOf(locale: string, zone: string): Format {
  const date = new Intl.DateTimeFormat(locale, { timeZone: zone, dateStyle: "medium" });
  const utcDay = new Intl.DateTimeFormat(locale, { timeZone: "UTC", dateStyle: "medium" });
  const dateTime = new Intl.DateTimeFormat(locale, {
    ...{ timeZone: zone, year: "numeric", month: "short", day: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" },
  });
  const clock = (zone: string) =>
    new Intl.DateTimeFormat("en", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  const [here, inUtc] = [clock(zone), clock("UTC")];
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const number = new Intl.NumberFormat(locale);
  const list = new Intl.ListFormat(locale, { type: "conjunction" });
  const choice = new Intl.ListFormat(locale, { type: "disjunction" });
  return {
    locale,
    zone,
    date: (time) => date.format(time),
    utcDay: (time) => utcDay.format(time),
    dateTime: (time) => dateTime.format(time),
    utc: (time) =>
      here.format(time) === inUtc.format(time) ? undefined : `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`,
    relative: (time, now) => relative.format(...largestUnit(time.getTime() - now.getTime())),
    duration: (milliseconds) => {
      const [count, unit] = largestUnit(milliseconds);
      return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(count);
    },
    number: (value) => number.format(value),
    list: (items) => list.format(items),
    choice: (items) => choice.format(items),
  };
}
