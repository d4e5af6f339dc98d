import { and, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { AuditEvent } from "../domain/audit-event.js";
import type { Revocation, TokenRecord } from "../domain/token.js";
import type { Transaction } from "./change.js";
import { type TokenRow, token, tokenRecord } from "./token-table.js";

/**
 * The number of tokens in one batch. Other calls run between batches, and only ids of the other tokens are in memory.
 */
const revokedTogether = 100;

/**
 * Locks the tokens that match and are not revoked yet, the oldest ones up to `limit`, and returns their ids. They are
 * locked in the order of ids, so that two such calls never deadlock.
 */
export async function lockUnrevoked(
  transaction: Transaction,
  condition: SQL | undefined,
  limit?: number,
): Promise<readonly string[]> {
  const locked = transaction
    .select({ id: token.id })
    .from(token)
    .where(and(condition, isNull(token.revokedAt)))
    .orderBy(token.id)
    .for("update");
  return (await (limit === undefined ? locked : locked.limit(limit))).map(({ id }) => id);
}

/**
 * Revokes locked tokens in batches, and yields the event of each token, so that the history of every token is complete.
 */
export async function* revokeLocked(
  transaction: Transaction,
  ids: readonly string[],
  revocation: Revocation,
  eventOf: (token: TokenRecord) => AuditEvent,
): AsyncGenerator<readonly AuditEvent[]> {
  for (let start = 0; start < ids.length; start += revokedTogether) {
    const batch = ids.slice(start, start + revokedTogether);
    const rows = await transaction.select().from(token).where(inArray(token.id, batch)).orderBy(token.id);
    await markRevoked(transaction, rows, revocation);
    yield rows.map((row) => eventOf(tokenRecord(row)));
  }
}

/** Revokes locked tokens. The caller must write their events. */
export async function markRevoked(
  transaction: Transaction,
  rows: readonly TokenRow[],
  { time, by, reason }: Revocation,
): Promise<void> {
  const ids = rows.map(({ id }) => id);
  await transaction
    .update(token)
    .set({ revokedAt: time, revokedBy: by, revocationReason: reason, revision: sql`${token.revision} + 1` })
    .where(inArray(token.id, ids));
}
