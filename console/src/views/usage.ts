import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { Dimension, Granularity, type UsageRow } from "#gen/patwarden/v1/usage_pb.js";
import type { Api } from "../app/api.js";
import type { DayCount } from "../ui/bars.js";

/** Whose usage. */
export type UsageScope =
  | { readonly tokenId: string }
  | { readonly subject: string }
  | { readonly organization: string }
  /** The calling user's own. */
  | Record<string, never>;

/** The dimension that usage is told apart by. */
export type UsageBy = typeof Dimension.TOKEN | typeof Dimension.SUBJECT;

/** Days that the pictures show. */
export const shownDays = 30;
const dayLength = 24 * 3_600_000;
const mostPages = 8;

/** Returns the first moment of each shown day of UTC, oldest first. */
export function daysUntil(now: Date): readonly Date[] {
  const today = Math.floor(now.getTime() / dayLength) * dayLength;
  return Array.from({ length: shownDays }, (_, at) => new Date(today - (shownDays - 1 - at) * dayLength));
}

/** The rows of the last 30 days. */
export interface RecentUsage {
  readonly days: readonly Date[];
  readonly rows: readonly UsageRow[];
  /** Whether there were more rows than a page fetches. */
  readonly incomplete: boolean;
}

/** Fetches decisions by day and reason, and by a further dimension where one is given. */
export async function recentUsage(
  api: Api,
  scope: UsageScope,
  by: UsageBy | undefined,
  signal: AbortSignal,
  now = new Date(),
): Promise<RecentUsage> {
  const days = daysUntil(now);
  const rows: UsageRow[] = [];
  let pageToken = "";
  for (let page = 0; page < mostPages; page += 1) {
    const answer = await api.usage.queryUsage(
      {
        ...scope,
        granularity: Granularity.DAY,
        groupBy: by === undefined ? [Dimension.REASON] : [by, Dimension.REASON],
        startTime: timestampFromDate(days[0] ?? now),
        pageSize: 1000,
        pageToken,
      },
      { signal },
    );
    rows.push(...answer.rows);
    pageToken = answer.nextPageToken;
    if (pageToken === "") break;
  }
  return { days, rows, incomplete: pageToken !== "" };
}

/** Sums rows to one count a day. */
export function dayCounts(days: readonly Date[], rows: readonly UsageRow[]): readonly DayCount[] {
  const counts = days.map((day) => ({ day, allowed: 0, refused: 0 }));
  const first = days[0]?.getTime() ?? 0;
  for (const { startTime, reason, count } of rows) {
    const at = startTime ? Math.floor((timestampDate(startTime).getTime() - first) / dayLength) : 0;
    const day = counts[Math.max(0, at)];
    if (day) day[reason === Reason.ALLOWED ? "allowed" : "refused"] += Number(count);
  }
  return counts;
}

/** Sums refused decisions by reason, the most frequent first. */
export function refusals(rows: readonly UsageRow[]): readonly (readonly [Reason, number])[] {
  const sums = new Map<Reason, number>();
  for (const { reason, count } of rows)
    if (reason !== Reason.ALLOWED) sums.set(reason, (sums.get(reason) ?? 0) + Number(count));
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** The usage of one token or subject. */
export interface UsageShare {
  /** The token's id, or the subject. */
  readonly name: string;
  readonly rows: readonly UsageRow[];
  readonly allowed: number;
  readonly refused: number;
  readonly units: number;
}

/** Sorts rows by the token or the subject that they are about, the most used first. */
export function usageShares(rows: readonly UsageRow[], by: UsageBy): readonly UsageShare[] {
  const named = new Map<string, UsageRow[]>();
  for (const row of rows) {
    const name = by === Dimension.TOKEN ? row.tokenId : row.subject;
    named.set(name, [...(named.get(name) ?? []), row]);
  }
  const share = (name: string, own: readonly UsageRow[]): UsageShare => {
    const sum = (count: (row: UsageRow) => bigint) => own.reduce((total, row) => total + Number(count(row)), 0);
    const allowed = sum(({ reason, count }) => (reason === Reason.ALLOWED ? count : 0n));
    return { name, rows: own, allowed, refused: sum(({ count }) => count) - allowed, units: sum(({ units }) => units) };
  };
  return [...named]
    .map(([name, own]) => share(name, own))
    .sort((a, b) => b.allowed + b.refused - (a.allowed + a.refused) || (a.name < b.name ? -1 : 1));
}
