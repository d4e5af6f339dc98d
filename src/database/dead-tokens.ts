import { and, eq, gte, inArray, isNotNull, notExists, or, type SQL, sql } from "drizzle-orm";
import { auditEvent } from "./audit.js";
import { transactChange } from "./change.js";
import type { Database } from "./database.js";
import { lastUse } from "./last-use.js";
import { leakedToken } from "./leak.js";
import { request } from "./request.js";
import { token, tokenSecret } from "./token-table.js";

/**
 * Deletes up to `limit` tokens that ended for good before a time, with all their secrets, and returns how many. A token
 * ends when it expires, is revoked or is denied; the latest of these times counts. Keeps a token while the audit trail
 * has a later event about it. Afterwards the secrets of the deleted tokens are unknown. Their usage is kept, since it
 * may be on a bill.
 */
export function deleteDeadTokens(database: Database, before: Date, limit: number): Promise<number> {
  // The statement may have to read every token.
  return transactChange({ orm: database.patient }, async (transaction) => {
    const livingSecret = transaction
      .select({ one: sql`1` })
      .from(tokenSecret)
      .where(and(eq(tokenSecret.tokenId, token.id), gte(tokenSecret.retiresAt, before)));
    // The time of the audit event counts, whatever times the row of the token has: while the audit trail has events
    // about a token, a secret that somebody finds can be traced to it.
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
    // Touches nothing: every replica already refuses these tokens, cached or not.
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
  // `greatest` skips nulls: a token that never expires ended when it was revoked.
  return and(
    or(isNotNull(token.revokedAt), denied, isNotNull(token.expiresAt)),
    sql`greatest(${token.expiresAt}, ${token.revokedAt}, case when ${denied} then ${token.decidedAt} end)
      < ${time.toISOString()}::timestamptz`,
  );
}
