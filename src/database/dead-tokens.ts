import { and, eq, gte, inArray, isNotNull, notExists, or, type SQL, sql } from "drizzle-orm";
import { auditEvent } from "./audit-table.js";
import { transactChange } from "./change.js";
import type { Database } from "./database.js";
import { leakedToken } from "./leak-table.js";
import { request, token, tokenSecret } from "./schema.js";
import { lastUse } from "./usage-table.js";

/**
 * Deletes up to `limit` tokens that ended for good before a time (expired, revoked or denied, whichever was last) and all of whose secrets had
 * ended by then, unless the trail tells of something later that was done to them, and tells how many. Their secrets are unknown from then on. What they were used for stays: it is somebody's bill.
 */
export function deleteDeadTokens(database: Database, before: Date, limit: number): Promise<number> {
  // It may have to look at every token.
  return transactChange({ orm: database.patient }, async (transaction) => {
    const livingSecret = transaction
      .select({ one: sql`1` })
      .from(tokenSecret)
      .where(and(eq(tokenSecret.tokenId, token.id), gte(tokenSecret.retiresAt, before)));
    // By the server's own record, whatever dates the row holds: a found secret leads to its token as long as the trail tells of that.
    const youngEvent = transaction
      .select({ one: sql`1` })
      .from(auditEvent)
      .where(and(eq(auditEvent.tokenId, token.id), gte(auditEvent.at, before)));
    const dead = await transaction
      .select({ id: token.id })
      .from(token)
      .where(and(endedBefore(before), notExists(livingSecret), notExists(youngEvent)))
      .limit(limit)
      .for("update", { skipLocked: true });
    const ids = dead.map(({ id }) => id);
    // Every replica refuses them already, whether it has them cached or not.
    const deleted = { result: ids.length, events: [], touched: [] };
    if (ids.length === 0) return deleted;
    await transaction.delete(request).where(inArray(request.tokenId, ids));
    await transaction.delete(leakedToken).where(inArray(leakedToken.tokenId, ids));
    const secrets = await transaction
      .delete(tokenSecret)
      .where(inArray(tokenSecret.tokenId, ids))
      .returning({ id: tokenSecret.id });
    await transaction.delete(lastUse).where(inArray(lastUse.id, [...ids, ...secrets.map(({ id }) => id)]));
    await transaction.delete(token).where(inArray(token.id, ids));
    return deleted;
  });
}

function endedBefore(time: Date): SQL | undefined {
  const denied = eq(token.approval, "denied");
  // `greatest` leaves out what is null: a token that never expires ended when it was revoked.
  return and(
    or(isNotNull(token.revokedAt), denied, isNotNull(token.expiresAt)),
    sql`greatest(${token.expiresAt}, ${token.revokedAt}, case when ${denied} then ${token.decidedAt} end) < ${time.toISOString()}::timestamptz`,
  );
}
