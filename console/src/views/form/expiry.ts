import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { addDays, dayOf, endOfDay, parseDay } from "../../app/local-day.js";

/** When a token ends, as the user chooses it. Plain data. */
export type Expiry =
  /** After this time; whole days last until the end of the local day. */
  | { readonly kind: "for"; readonly ms: number }
  /** At the end of a day, `2026-03-29`. Empty: not chosen yet. */
  | { readonly kind: "day"; readonly day: string }
  | { readonly kind: "never" };

/** The limits of a lifetime. */
export interface LifetimeLimits {
  /** The longest, in milliseconds. Undefined: any. */
  readonly mostMs?: number;
  /** The lifetime of tokens that are made without one, in milliseconds. */
  readonly usualMs?: number;
  readonly mustEnd: boolean;
}

export const dayMs = 24 * 3_600_000;
const presets = [7, 30, 60, 90, 180, 365];

/** Returns the lifetimes to choose from, in milliseconds, shortest first: none is longer than allowed. */
export function lifetimesWithin({ mostMs, usualMs }: LifetimeLimits): readonly number[] {
  const most = mostMs ?? Number.POSITIVE_INFINITY;
  const all = new Set(presets.map((days) => days * dayMs));
  if (usualMs !== undefined) all.add(usualMs);
  if (mostMs !== undefined && mostMs < 365 * dayMs) all.add(mostMs);
  return [...all].filter((ms) => ms <= most).sort((a, b) => a - b);
}

/** Returns the choice that a form starts with. */
export const usualExpiry = ({ usualMs, mostMs }: LifetimeLimits): Expiry => ({
  kind: "for",
  ms: Math.min(usualMs ?? 90 * dayMs, mostMs ?? Number.POSITIVE_INFINITY),
});

/** The end of a token: the time to show, and the field of the request. */
export type Ending =
  | { readonly ok: true; readonly time: Date | undefined; readonly lifetime: LifetimeField }
  | { readonly ok: false; readonly problem: "missing" | "past" | "tooLate"; readonly latest?: Date };

export type LifetimeField =
  | { readonly case: "ttl"; readonly value: ReturnType<typeof durationFromMs> }
  | { readonly case: "expireTime"; readonly value: ReturnType<typeof timestampFromDate> }
  | { readonly case: "neverExpires"; readonly value: true };

interface Clock {
  readonly now: Date;
  /** IANA time zone of the user. */
  readonly zone: string;
}

/** Returns when a token ends that is made now. */
export function endingOf(expiry: Expiry, { mostMs }: LifetimeLimits, { now, zone }: Clock): Ending {
  const latest = mostMs === undefined ? undefined : new Date(now.getTime() + mostMs);
  const at = (time: Date): Ending => ({
    ok: true,
    time,
    lifetime: { case: "expireTime", value: timestampFromDate(time) },
  });
  const after = (ms: number): Ending => ({
    ok: true,
    time: new Date(now.getTime() + ms),
    lifetime: { case: "ttl", value: durationFromMs(ms) },
  });
  if (expiry.kind === "never") return { ok: true, time: undefined, lifetime: { case: "neverExpires", value: true } };
  if (expiry.kind === "for") {
    const ms = Math.min(expiry.ms, mostMs ?? expiry.ms);
    if (ms % dayMs !== 0) return after(ms);
    const end = endOfDay(addDays(dayOf(now, zone), ms / dayMs), zone);
    // The server counts from its own clock: the longest lifetime is sent as one, and not as a time.
    return latest && end > latest ? after(mostMs ?? ms) : at(end);
  }
  const day = parseDay(expiry.day);
  if (!day) return { ok: false, problem: "missing" };
  const end = endOfDay(day, zone);
  if (end <= now) return { ok: false, problem: "past" };
  if (!latest || end <= latest) return at(end);
  // The last allowed day ends a few hours too late; what is allowed of it is meant.
  const lastDay = dayOf(latest, zone);
  const isLast = day.year === lastDay.year && day.month === lastDay.month && day.day === lastDay.day;
  return isLast ? after(mostMs ?? 0) : { ok: false, problem: "tooLate", latest };
}
