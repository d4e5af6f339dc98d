/**
 * Returns whether the day and the hour of a time in RFC 3339 (`2030-06-30T12:00:00Z`) exist. `Date` reads 31 June as 1
 * July, and 24:00 as the next day.
 */
export function isInCalendar(time: string): boolean {
  const [year = 0, month = 0, day = 0, hour = 0] = time.split(/[-T:]/, 4).map(Number);
  // The calendar repeats after 400 years; day 0 is the last day of the previous month.
  return day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate() && hour <= 23;
}
