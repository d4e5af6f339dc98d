import { and, asc, eq, isNull, lte, sql } from "drizzle-orm";
import { toUuid } from "../token/ids.js";
import type { Database } from "./database.js";
import { transact } from "./errors.js";
import { leakedToken } from "./leak-schema.js";
import type { LeakStore } from "./leak-store.js";
import { appendAudit } from "./postgres-audit-store.js";
import { recordChange } from "./postgres-revocation-store.js";
import { revokeRows } from "./postgres-token-store.js";
import { tokenRecord } from "./rows.js";
import { token } from "./schema.js";

/** Leaks in PostgreSQL or PGlite. */
export function createLeakStore(database: Database): LeakStore {
  return {
    report: (id, decide) =>
      transact(database, async (transaction) => {
        const tokenId = toUuid(id);
        const [row] = await transaction.select().from(token).where(eq(token.id, tokenId)).for("update");
        if (!row) return;
        // Behind the row lock, so that of two reports one is the first.
        const earlier = await transaction.select().from(leakedToken).where(eq(leakedToken.tokenId, tokenId));
        const change = decide(tokenRecord(row), earlier.length > 0);
        if (!change) return;
        const { leak, event, revocation } = change;
        if (earlier.length === 0) {
          const { time, ...facts } = leak;
          const waiting = { attempts: 0, reportedAt: time, nextAttemptAt: time };
          await transaction.insert(leakedToken).values({ tokenId, ...facts, ...waiting });
        }
        if (!revocation) {
          await appendAudit(transaction, event);
          return;
        }
        await revokeRows(transaction, [row], revocation, () => event);
        await recordChange(transaction, [{ kind: "token", key: id }]);
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
          ...{ id, kind, subject, organization, name, createdBy },
          ...{ reporter, url, source, hint, time: reportedAt },
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
