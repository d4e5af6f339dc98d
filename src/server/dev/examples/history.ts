import type { ActionName } from "../../../domain/identifier.js";
import type { Reason } from "../../../domain/reason.js";
import type { TokenWithSecrets } from "../../../domain/token.js";

/** How a token was used. */
export interface Habit {
  readonly token: TokenWithSecrets;
  readonly action: ActionName;
  /** When in the day, UTC: in office hours, once at night, or at all times. */
  readonly when: "office" | "nightly" | "always";
  /** Allowed decisions in an hour with use, about. */
  readonly perHour: number;
  /** Why some decisions are refused, and on how many of the last days. */
  readonly refused?: { readonly reason: Reason; readonly action: ActionName; readonly lastDays: number };
  /** When the use ended. Default: it goes on. */
  readonly until?: Date;
}

/** Decisions of one hour. */
export interface UsedHour {
  readonly hour: Date;
  readonly action: ActionName;
  readonly reason: Reason;
  readonly count: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const days = 30;

/** Returns the decisions of the last 30 days, up to the hour before `now`. The same habit always gives the same. */
export function usedHours(habit: Habit, now: Date): readonly UsedHour[] {
  const { token, action, perHour, refused, until = now } = habit;
  const end = Math.floor(now.getTime() / hourMs) * hourMs;
  const begin = Math.max(end - days * dayMs, Math.ceil(token.createTime.getTime() / hourMs) * hourMs);
  const hours: UsedHour[] = [];
  for (let ms = begin; ms < end; ms += hourMs) {
    const hour = new Date(ms);
    if (!isUsed(habit, hour)) continue;
    const share = noise(`${token.name} ${hour.toISOString()}`);
    const about = (most: number) => Math.max(1, Math.round(most * (0.4 + 1.2 * share)));
    if (ms + hourMs <= until.getTime()) hours.push({ hour, action, reason: "ALLOWED", count: about(perHour) });
    if (refused && end - ms <= refused.lastDays * dayMs && share > 0.4) {
      hours.push({ hour, action: refused.action, reason: refused.reason, count: about(perHour / 4) });
    }
  }
  return hours;
}

function isUsed({ when }: Habit, hour: Date): boolean {
  const [day, at] = [hour.getUTCDay(), hour.getUTCHours()];
  if (when === "nightly") return at === 2;
  return when === "always" || (day > 0 && day < 6 && at >= 7 && at < 17);
}

/** Returns a number from 0 to 1 that looks random and depends on the text alone. */
function noise(text: string): number {
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619) >>> 0;
  return (hash % 1_000) / 1_000;
}
