import { and, eq, gt, max, sql } from "drizzle-orm";
import { pgTable, uuid } from "drizzle-orm/pg-core";
import { toUuid } from "../domain/ids.js";
import type { TokenStore } from "../domain/token-store.js";
import { transact } from "./change.js";
import { instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { matching } from "./token-conditions.js";
import { readSnapshots } from "./token-snapshot.js";
import { token } from "./token-table.js";

/** The time when the last JWT of each token expires. Ending a token does not end its JWTs. */
export const tokenResidual = pgTable(
  "token_residual",
  {
    tokenId: uuid("token_id")
      .primaryKey()
      .references(() => token.id, { onDelete: "cascade" }),
    until: instant("until").notNull(),
  },
  (table) => readable("time", table.until),
);

/** Stores until when JWTs of a token are valid, in PostgreSQL or PGlite. */
export function residuals(database: Database): Pick<TokenStore, "handOut" | "residualOf"> {
  return {
    handOut: (id, decide) =>
      transact(database, async (transaction) => {
        const uuid = toUuid(id);
        const rows = await transaction.select().from(token).where(eq(token.id, uuid)).for("share");
        const [current] = await readSnapshots(transaction.run, rows);
        if (!current) return undefined;
        const handedOut = decide(current);
        const { expireTime: until } = handedOut;
        const [known] = await transaction.select().from(tokenResidual).where(eq(tokenResidual.tokenId, uuid));
        // JWTs that are issued within the same second mostly expire within the same second. Most of these calls write
        // nothing, so they do not wait for each other.
        if (!known || known.until < until) {
          await transaction
            .insert(tokenResidual)
            .values({ tokenId: uuid, until })
            .onConflictDoUpdate({
              target: tokenResidual.tokenId,
              set: { until: sql`greatest(${tokenResidual.until}, excluded.until)` },
            });
        }
        return handedOut;
      }),

    async residualOf(filter, now) {
      const rows = await guarded(() =>
        database.orm
          .select({ until: max(tokenResidual.until) })
          .from(tokenResidual)
          .innerJoin(token, eq(token.id, tokenResidual.tokenId))
          .where(and(gt(tokenResidual.until, now), matching(filter, now))),
      );
      return onlyRow(rows).until ?? undefined;
    },
  };
}
