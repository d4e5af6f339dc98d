import { and, asc, eq, inArray, isNull, lte, sql } from "drizzle-orm";
import { index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { LeakReporter } from "../leaks/leak.js";
import type { LeakChange, LeakStore } from "../leaks/leak-store.js";
import { transact, transactChange } from "./change.js";
import { instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { markRevoked } from "./token-revocation.js";
import { type TokenRow, token, tokenRecord } from "./token-table.js";

/** Tokens that were reported as leaked, each with its first report. */
export const leakedToken = pgTable(
  "leaked_token",
  {
    tokenId: uuid("token_id")
      .primaryKey()
      .references(() => token.id),
    reporter: text("reporter").$type<LeakReporter>().notNull(),
    source: text("source").notNull(),
    url: text("url").notNull(),
    hint: text("hint").notNull(),
    reportedAt: instant("reported_at").notNull(),
    /** The number of attempts to send a notification. */
    attempts: integer("attempts").notNull(),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    /** Null until a notification has succeeded. */
    notifiedAt: instant("notified_at"),
  },
  (table) => [
    ...readable("time", table.reportedAt, table.nextAttemptAt, table.notifiedAt),
    index("leaked_token_waiting").on(table.nextAttemptAt).where(sql`${table.notifiedAt} is null`),
  ],
);

/** Stores leaks in PostgreSQL or PGlite. */
export function createLeakStore(database: Database): LeakStore {
  return {
    report: (ids, revocation, decide) =>
      transactChange(database, async (transaction) => {
        const uuids = ids.map(toUuid);
        // Locked in the order of ids, so that two reports never deadlock.
        const rows = await transaction
          .select()
          .from(token)
          .where(inArray(token.id, uuids))
          .orderBy(token.id)
          .for("update");
        // Read after the rows are locked, so that exactly one of two concurrent reports is the first.
        const reported = await transaction.select().from(leakedToken).where(inArray(leakedToken.tokenId, uuids));
        const earlier = new Set(reported.map(({ tokenId }) => tokenId));
        const changes = rows.flatMap((row) => {
          const change = decide(tokenRecord(row), earlier.has(row.id));
          return change ? [{ row, ...change }] : [];
        });
        const firsts = changes.filter(({ row }) => !earlier.has(row.id));
        if (firsts.length > 0) await transaction.insert(leakedToken).values(firsts.map(leakColumns));
        const revoked = changes.flatMap(({ row, revokes }) => (revokes ? [row] : []));
        if (revoked.length > 0) await markRevoked(transaction, revoked, revocation);
        return {
          result: undefined,
          events: changes.map(({ event }) => event),
          touched: revoked.map(({ id }) => ({ kind: "token", key: tokenIdFromUuid(id) })),
        };
      }),

    claim: (now, retryTime) =>
      transact(database, async (transaction) => {
        const [row] = await transaction
          .select()
          .from(leakedToken)
          .innerJoin(token, eq(token.id, leakedToken.tokenId))
          .where(and(isNull(leakedToken.notifiedAt), lte(leakedToken.nextAttemptAt, now)))
          .orderBy(asc(leakedToken.nextAttemptAt))
          .limit(1)
          .for("update", { of: leakedToken, skipLocked: true });
        if (!row) return undefined;
        const { tokenId, reporter, url, source, hint, reportedAt, attempts } = row.leaked_token;
        await transaction
          .update(leakedToken)
          .set({ attempts: sql`${leakedToken.attempts} + 1`, nextAttemptAt: retryTime(attempts) })
          .where(eq(leakedToken.tokenId, tokenId));
        const { id, kind, subject, organization, name, createdBy, revocation } = tokenRecord(row.token);
        return {
          id,
          kind,
          subject,
          organization,
          name,
          createdBy,
          reporter,
          url,
          source,
          hint,
          time: reportedAt,
          revoked: revocation !== undefined,
        };
      }),

    async notified(id, time) {
      await transact(database, (transaction) =>
        transaction
          .update(leakedToken)
          .set({ notifiedAt: time })
          .where(eq(leakedToken.tokenId, toUuid(id))),
      );
    },
  };
}

function leakColumns({ row, leak }: { readonly row: TokenRow } & LeakChange): typeof leakedToken.$inferInsert {
  const { time, ...facts } = leak;
  return { tokenId: row.id, ...facts, reportedAt: time, attempts: 0, nextAttemptAt: time };
}
