import { and, eq, isNotNull, lt } from "drizzle-orm";
import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { tokenIdFromUuid } from "../domain/ids.js";
import { type NewRequest, RequestKnown, type TokenStore } from "../domain/token-store.js";
import { type Transaction, transact } from "./change.js";
import { bytea, identifier, instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";
import { token } from "./token-table.js";

/** The token that each call with a `request_id` created, so that a repeated call finds it. */
export const request = pgTable(
  "request",
  {
    caller: identifier("caller").notNull(),
    requestId: text("request_id").notNull(),
    /** SHA-256 of the request. Another request with the same id is refused. */
    fingerprint: bytea("fingerprint").notNull(),
    tokenId: uuid("token_id")
      .notNull()
      .references(() => token.id),
    /** The secret, encrypted. Deleted after ten minutes. */
    sealedSecret: bytea("sealed_secret"),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    ...readable("time", table.createdAt),
    primaryKey({ columns: [table.caller, table.requestId] }),
    index("request_age").on(table.createdAt),
  ],
);

/** Records a request with the token that it created. Throws RequestKnown when its key was used before. */
export async function rememberRequest(
  transaction: Transaction,
  tokenId: string,
  made: NewRequest | undefined,
): Promise<void> {
  if (!made) return;
  const { createTime: createdAt, ...row } = made;
  const inserted = await transaction
    .insert(request)
    .values({ ...row, tokenId, createdAt })
    .onConflictDoNothing()
    .returning({ id: request.requestId });
  if (inserted.length === 0) throw new RequestKnown();
}

/** Stores remembered requests in PostgreSQL or PGlite. */
export function requests(database: Database): Pick<TokenStore, "findRequest" | "sweepRequests"> {
  return {
    async findRequest({ caller, requestId }) {
      const [row] = await guarded(() =>
        database.orm
          .select()
          .from(request)
          .where(and(eq(request.caller, caller), eq(request.requestId, requestId))),
      );
      return (
        row && {
          fingerprint: row.fingerprint,
          tokenId: tokenIdFromUuid(row.tokenId),
          sealedSecret: row.sealedSecret ?? undefined,
          createTime: row.createdAt,
        }
      );
    },

    async sweepRequests(unsealBefore, forgetBefore) {
      await transact(database, async (transaction) => {
        await transaction.delete(request).where(lt(request.createdAt, forgetBefore));
        await transaction
          .update(request)
          .set({ sealedSecret: null })
          .where(and(isNotNull(request.sealedSecret), lt(request.createdAt, unsealBefore)));
      });
    },
  };
}
