import { createHash } from "node:crypto";
import { and, eq, gte, lt, or, type SQL, sql } from "drizzle-orm";
import { bigint, check, index, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { Reason } from "../domain/reason.js";
import {
  type IdentifiedUnits,
  type UsageCount,
  type UsageDimension,
  type UsageFilter,
  type UsageQuery,
  type UsageRow,
  type UsageStore,
  usageDimensions,
} from "../usage/usage-store.js";
import { type Transaction, transact } from "./change.js";
import { bytea, identifier, instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";
import { subjectMatches } from "./token-conditions.js";

/** Decisions per hour. Counts only grow, and only while the hour is open. */
export const usage = pgTable(
  "usage",
  {
    /** The first moment of the hour. */
    hour: instant("hour").notNull(),
    /** No foreign key, here and below: checking one would lock the row of the token. */
    tokenId: uuid("token_id").notNull(),
    action: identifier("action").notNull(),
    reason: text("reason").$type<Reason>().notNull(),
    subject: identifier("subject").notNull(),
    /** The organization that the token is bound to or acts as; empty when there is none. */
    organization: identifier("organization").notNull(),
    /** Read only as sums, which may exceed what a double represents exactly. */
    count: bigint("count", { mode: "bigint" }).notNull(),
    units: bigint("units", { mode: "bigint" }).notNull(),
  },
  (table) => [
    ...readable("time", table.hour),
    primaryKey({ columns: [table.hour, table.tokenId, table.action, table.reason] }),
    index("usage_token").on(table.tokenId, table.hour),
    index("usage_subject").on(table.subject, table.hour),
    index("usage_organization").on(table.organization, table.hour),
  ],
);

/**
 * The start of the open hours, in a single row. Each transaction that adds to `usage` holds a share lock on the row, so
 * that the watermark cannot move past an hour that is being written to. A reader that sees the watermark past an hour
 * sees all of that hour.
 */
export const usageWatermark = pgTable(
  "usage_watermark",
  {
    one: smallint("one").primaryKey(),
    /** The first moment of the first open hour. */
    openFrom: instant("open_from").notNull(),
  },
  (table) => [...readable("time", table.openFrom), check("usage_watermark_one", sql`${table.one} = 1`)],
);

/** The last batch that each process has added. A retry after a lost COMMIT finds its number here. */
export const usageBatch = pgTable(
  "usage_batch",
  {
    replicaId: uuid("replica_id").primaryKey(),
    sequence: bigint("sequence", { mode: "number" }).notNull(),
    addedAt: instant("added_at").notNull(),
  },
  (table) => [...readable("number", table.sequence), ...readable("time", table.addedAt)],
);

/** Usage ids of the last day. */
export const usageId = pgTable(
  "usage_id",
  {
    /** The first 16 bytes of SHA-256 over subject and id: ids can have any length and may contain personal data. */
    digest: bytea("digest").primaryKey(),
    billedAt: instant("billed_at").notNull(),
  },
  (table) => [...readable("time", table.billedAt), index("usage_id_billed_at").on(table.billedAt)],
);

/** The most rows of one statement, so that no statement blocks the event loop or its connection for long. */
const rowsTogether = 1_000;

// In UTC, since the offset of the session's time zone may include half an hour. Evaluated at each use, not at the start
// of the transaction.
const firstOpenHour = sql`date_trunc('hour', clock_timestamp() - interval '15 minutes', 'UTC')`;
const thisHour = sql`date_trunc('hour', clock_timestamp(), 'UTC')`;

/** Stores counted decisions in PostgreSQL or PGlite. */
export function createUsageStore(database: Database): UsageStore {
  return {
    add: (replicaId, sequence, { hourMs, counts, identified }) =>
      transact(database, async (transaction) => {
        const mark = { replicaId, sequence, addedAt: sql`clock_timestamp()` };
        const marked = await transaction
          .insert(usageBatch)
          .values(mark)
          .onConflictDoUpdate({
            target: usageBatch.replicaId,
            set: mark,
            setWhere: lt(usageBatch.sequence, sequence),
          })
          .returning({ sequence: usageBatch.sequence });
        if (marked.length === 0) return;
        const hour = await holdOpenHour(transaction, hourMs);
        const billed = await billOnce(transaction, identified);
        // All processes write rows in the same order, so that they never deadlock.
        for (const rows of chunks([...counts].sort(byKey))) {
          const values = rows.map((row) => ({
            token: toUuid(row.tokenId),
            action: row.action,
            reason: row.reason,
            subject: row.subject,
            organization: row.organization,
            count: row.count,
            units: row.units + (billed.get(row) ?? 0),
          }));
          await transaction
            .insert(usage)
            .select(
              sql`
                select ${hour}::timestamptz, token, action, reason, subject, organization, count, units
                from json_to_recordset(${JSON.stringify(values)}::json) as row
                  (token uuid, action text, reason text, subject text, organization text, count bigint, units bigint)`,
            )
            .onConflictDoUpdate({
              target: [usage.hour, usage.tokenId, usage.action, usage.reason],
              set: {
                count: sql`${usage.count} + excluded.count`,
                units: sql`${usage.units} + excluded.units`,
              },
            });
        }
      }),

    query: (query, { size, after }) =>
      guarded(async () => {
        const keys = keysOf(query);
        const columns = keys.map(({ column }) => column);
        const rows = await database.scan((orm) =>
          orm
            .select({
              key: sql<readonly string[]>`json_build_array(${sql.join(keys.map(textOf), sql`, `)})`,
              count: sql<string>`sum(${usage.count})::text`,
              units: sql<string>`sum(${usage.units})::text`,
              // In the same snapshot as the sums.
              openFromMs: sql<
                number | null
              >`(select ${milliseconds(sql`${usageWatermark.openFrom}`)} from ${usageWatermark})`,
            })
            .from(usage)
            .where(and(matching(query.filter), after && isAfter(keys, after)))
            .groupBy(...columns)
            // Without a key there is one group even when there are no rows.
            .having(sql`count(*) > 0`)
            .orderBy(...columns)
            .limit(size + 1),
        );
        const shown = rows.slice(0, size);
        return {
          rows: shown.map(({ key, count, units, openFromMs }): UsageRow => {
            const { dimensions, start, end } = readKey(query, key);
            const closed = end !== undefined && openFromMs !== null && end.getTime() <= openFromMs;
            return { ...dimensions, start, end, count: BigInt(count), units: BigInt(units), closed };
          }),
          next: rows.length > size ? shown.at(-1)?.key : undefined,
        };
      }),

    async sweep() {
      const { orm, patient } = database;
      await guarded(async () => {
        await beginWatermark(orm);
        await orm
          .update(usageWatermark)
          .set({ openFrom: firstOpenHour })
          .where(lt(usageWatermark.openFrom, firstOpenHour));
        await patient.delete(usageId).where(lt(usageId.billedAt, sql`clock_timestamp() - interval '25 hours'`));
        // After that time, no process repeats its last batch.
        await patient.delete(usageBatch).where(lt(usageBatch.addedAt, sql`clock_timestamp() - interval '30 days'`));
      });
    },
  };
}

/** Returns the hour that counts of `hourMs` go to, and keeps it open until the transaction ends. */
async function holdOpenHour(transaction: Transaction, hourMs: number): Promise<string> {
  await beginWatermark(transaction);
  const counted = sql`${new Date(hourMs).toISOString()}::timestamptz`;
  // A process whose clock is ahead must not write to an hour that has not begun, and no clock may reopen a closed hour.
  const open = sql`greatest(${usageWatermark.openFrom}, least(greatest(${counted}, ${firstOpenHour}), ${thisHour}))`;
  const [row] = await transaction
    .select({ ms: sql<number>`${milliseconds(open)}` })
    .from(usageWatermark)
    .for("share");
  if (!row) throw new Error("there is no usage watermark");
  return new Date(row.ms).toISOString();
}

/** Inserts the row of the watermark before the first use. */
async function beginWatermark(database: Pick<Transaction, "insert">): Promise<void> {
  await database
    .insert(usageWatermark)
    .values({ one: 1, openFrom: new Date(0) })
    .onConflictDoNothing();
}

/** Records usage ids. Returns the units of ids that were not billed in the last 24 hours, summed for each count. */
async function billOnce(
  transaction: Transaction,
  identified: readonly IdentifiedUnits[],
): Promise<ReadonlyMap<UsageCount, number>> {
  const billed = new Map<UsageCount, number>();
  const byDigest = new Map(identified.map((entry) => [digestOf(entry), entry]));
  for (const digests of chunks([...byDigest.keys()].sort())) {
    const first = await transaction
      .insert(usageId)
      .select(
        sql`
          select decode(digest, 'hex'), clock_timestamp()
          from json_array_elements_text(${JSON.stringify(digests)}::json) as digest`,
      )
      .onConflictDoUpdate({
        target: usageId.digest,
        set: { billedAt: sql`excluded.billed_at` },
        setWhere: sql`${usageId.billedAt} <= excluded.billed_at - interval '24 hours'`,
      })
      .returning({ digest: sql<string>`encode(${usageId.digest}, 'hex')` });
    for (const { digest } of first) {
      const entry = byDigest.get(digest);
      if (entry) billed.set(entry.of, (billed.get(entry.of) ?? 0) + entry.units);
    }
  }
  return billed;
}

function digestOf({ usageId: id, of }: IdentifiedUnits): string {
  return createHash("sha256").update(`${of.subject}\n${id}`).digest("hex").slice(0, 32);
}

/** Compares in the order of the primary key. */
function byKey(a: UsageCount, b: UsageCount): number {
  return compare(a.tokenId, b.tokenId) || compare(a.action, b.action) || compare(a.reason, b.reason);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += rowsTogether) yield all.slice(start, start + rowsTogether);
}

interface Key {
  readonly column: SQL;
  readonly type: "timestamptz" | "uuid" | "text";
}

const dimensionKeys: Readonly<Record<UsageDimension, Key>> = {
  token: { column: sql`${usage.tokenId}`, type: "uuid" },
  action: { column: sql`${usage.action}`, type: "text" },
  reason: { column: sql`${usage.reason}`, type: "text" },
  subject: { column: sql`${usage.subject}`, type: "text" },
  organization: { column: sql`${usage.organization}`, type: "text" },
};

/** Returns the keys that rows are grouped and sorted by. The hour with all dimensions is the primary key: no sort. */
function keysOf({ granularity, groupBy }: Pick<UsageQuery, "granularity" | "groupBy">): readonly Key[] {
  const dimensions = usageDimensions.filter((name) => groupBy.has(name)).map((name) => dimensionKeys[name]);
  switch (granularity) {
    case "TOTAL":
      return dimensions;
    case "DAY":
      return [{ column: sql`date_trunc('day', ${usage.hour}, 'UTC')`, type: "timestamptz" }, ...dimensions];
    case "HOUR":
      return [{ column: sql`${usage.hour}`, type: "timestamptz" }, ...dimensions];
  }
}

/** Formats times in one way, whatever the session's settings are. */
function textOf({ column, type }: Key): SQL {
  return type === "timestamptz"
    ? sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
    : sql`${column}::text`;
}

/** Returns SQL for the milliseconds since 1970. */
function milliseconds(time: SQL): SQL {
  return sql`(extract(epoch from ${time}) * 1000)::int8`;
}

function isAfter(keys: readonly Key[], position: readonly string[]): SQL {
  const list = (parts: readonly SQL[]) => sql`(${sql.join([...parts], sql`, `)})`;
  const columns = keys.map(({ column }) => column);
  const values = keys.map(({ type }, index) => sql`${position[index] ?? ""}::${sql.raw(type)}`);
  return sql`${list(columns)} > ${list(values)}`;
}

const windowMs = { DAY: 86_400_000, HOUR: 3_600_000 };

/** Parses the values of `keysOf`. */
function readKey(
  { granularity, groupBy, filter }: UsageQuery,
  key: readonly string[],
): { readonly dimensions: Partial<UsageRow>; readonly start: Date | undefined; readonly end: Date | undefined } {
  const values = [...key];
  const begin = granularity === "TOTAL" ? undefined : new Date(values.shift() ?? "");
  const named = Object.fromEntries(
    usageDimensions.filter((name) => groupBy.has(name)).map((name) => [name, values.shift() ?? ""]),
  );
  const dimensions: Partial<UsageRow> = {
    ...("token" in named && { tokenId: tokenIdFromUuid(named["token"] ?? "") }),
    ...("subject" in named && { subject: named["subject"] as SubjectName }),
    ...("organization" in named && { organization: named["organization"] as SubjectName | "" }),
    ...("action" in named && { action: named["action"] as ActionName }),
    ...("reason" in named && { reason: named["reason"] as UsageCount["reason"] }),
  };
  if (granularity === "TOTAL" || !begin) return { dimensions, start: filter.start, end: filter.end };
  const end = new Date(begin.getTime() + windowMs[granularity]);
  return {
    dimensions,
    start: filter.start && filter.start > begin ? filter.start : begin,
    end: filter.end && filter.end < end ? filter.end : end,
  };
}

function matching({ tokenId, subject, subjects, organization, start, end }: UsageFilter): SQL | undefined {
  return and(
    tokenId && eq(usage.tokenId, toUuid(tokenId)),
    subject && eq(usage.subject, subject),
    subjects && or(...subjects.map((entry) => subjectMatches(usage.subject, entry)), sql`false`),
    organization && eq(usage.organization, organization),
    start && gte(usage.hour, start),
    end && lt(usage.hour, end),
  );
}
