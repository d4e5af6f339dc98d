import { and, eq, gt, isNull, not, or, sql } from "drizzle-orm";
import { pgTable, smallint } from "drizzle-orm/pg-core";
import type { PepperStore } from "../domain/token-store.js";
import { transact } from "./change.js";
import { bytea } from "./columns.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";
import { isLive } from "./token-conditions.js";
import { token, tokenSecret } from "./token-table.js";

/**
 * Check values, written at the first use of a pepper. The server does not start with a key that does not match the
 * check value of its version.
 */
export const pepperCheck = pgTable("pepper_check", {
  version: smallint("version").primaryKey(),
  checkValue: bytea("check_value").notNull(),
});

/** Stores the check values of peppers in PostgreSQL or PGlite. */
export function createPepperStore(database: Database): PepperStore {
  return {
    async checkValues() {
      const rows = await guarded(() => database.orm.select().from(pepperCheck));
      return new Map(rows.map(({ version, checkValue }) => [version, checkValue]));
    },

    async recordCheckValue(version, checkValue) {
      await transact(database, (transaction) =>
        transaction.insert(pepperCheck).values({ version, checkValue }).onConflictDoNothing(),
      );
    },

    async countLiveSecrets(now) {
      const rows = await guarded(() =>
        database.scan((orm) =>
          orm
            .select({ version: tokenSecret.pepperVersion, count: sql<number>`count(*)::int` })
            .from(tokenSecret)
            .innerJoin(token, eq(token.id, tokenSecret.tokenId))
            .where(
              and(
                not(tokenSecret.ended),
                or(isNull(tokenSecret.retiresAt), gt(tokenSecret.retiresAt, now)),
                isLive(now),
              ),
            )
            .groupBy(tokenSecret.pepperVersion),
        ),
      );
      return new Map(rows.map(({ version, count: secrets }) => [version, secrets]));
    },
  };
}
