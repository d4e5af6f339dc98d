import { and, asc, eq, inArray, isNull, lte, sql } from "drizzle-orm";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { LeakChange, LeakStore } from "../leaks/leak-store.js";
import { transact, transactChange } from "./change.js";
import type { Database } from "./database.js";
import { leakedToken } from "./leak-table.js";
import { type TokenRow, tokenRecord } from "./rows.js";
import { token } from "./schema.js";
import { markRevoked } from "./token.js";

/** Leaks in PostgreSQL or PGlite. */
export function createLeakStore(database: Database): LeakStore {
  return {
    report: (ids, revocation, decide) =>
      transactChange(database, async (transaction) => {
        const uuids = ids.map(toUuid);
        // In one order, so that two of these cannot wait for each other.
        const rows = await transaction
          .select()
          .from(token)
          .where(inArray(token.id, uuids))
          .orderBy(token.id)
          .for("update");
        // Behind the row locks, so that of two reports one is the first.
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
