import { inArray, sql } from "drizzle-orm";
import { pgTable, text } from "drizzle-orm/pg-core";
import type { SigningAlgorithm, SigningKeyStore } from "../exchange/signing-key-store.js";
import { advisoryLocks } from "./advisory-locks.js";
import { type Transaction, transact } from "./change.js";
import { bytea, instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";

/** Keys that sign JWTs: the current one, the next one, and earlier ones until all of their JWTs have expired. */
export const signingKey = pgTable(
  "signing_key",
  {
    kid: text("kid").primaryKey(),
    algorithm: text("algorithm").$type<SigningAlgorithm>().notNull(),
    /** The private key, encrypted under a key that is derived from a pepper. */
    sealedKey: bytea("sealed_key").notNull(),
    signsFrom: instant("signs_from").notNull(),
  },
  (table) => readable("time", table.signsFrom),
);

/** Stores signing keys in PostgreSQL or PGlite. */
export function createSigningKeyStore(database: Database): SigningKeyStore {
  const read = (reader: Pick<Transaction, "select">) =>
    reader.select().from(signingKey).orderBy(signingKey.signsFrom, signingKey.kid);
  return {
    list: () => guarded(() => read(database.orm)),

    change: (decide) =>
      transact(database, async (transaction) => {
        // Not a row lock: before the first key there are no rows.
        await transaction.execute(sql`select pg_advisory_xact_lock(${advisoryLocks.signingKeys}::bigint)`);
        const keys = await read(transaction);
        const change = decide(keys);
        if (!change) return keys;
        const { add, remove = [] } = change;
        if (remove.length > 0) await transaction.delete(signingKey).where(inArray(signingKey.kid, [...remove]));
        if (add) await transaction.insert(signingKey).values(add);
        return read(transaction);
      }),
  };
}
