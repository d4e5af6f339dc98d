import { and, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { AuditEvent } from "../domain/audit-event.js";
import type { Revocation, TokenRecord } from "../domain/token.js";
import type { Transaction } from "./change.js";
import { type TokenRow, token, tokenRecord } from "./token-table.js";

/**
 * The number of tokens that are read and revoked together. Between two batches other calls get their turn, and of the
 * other tokens only the ids are in memory.
 */
const revokedTogether = 100;

/**
 * Locks the tokens that match and are not revoked yet, the oldest ones up to `limit`, and returns their ids. They are
 * locked by id, so that two such calls never wait for each other.
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
 * Revokes locked tokens in batches, and gives the event of each token, so that the history of every token is complete.
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

/** Revokes locked tokens. Their events are for the caller to make. */
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
