import { inArray, sql } from "drizzle-orm";
import type { SigningKeyStore } from "../exchange/signing-key-store.js";
import { type Transaction, transact } from "./change.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";
import { signingKey } from "./signing-table.js";

const changeLock = 1_472_665_733; // beside those of the audit trail

/** Signing keys in PostgreSQL or PGlite. */
export function createSigningKeyStore(database: Database): SigningKeyStore {
  const read = (reader: Pick<Transaction, "select">) =>
    reader.select().from(signingKey).orderBy(signingKey.signsFrom, signingKey.kid);
  return {
    list: () => guarded(() => read(database.orm)),

    change: (decide) =>
      transact(database, async (transaction) => {
        // Not of rows: where there is no key yet, there is nothing else to lock.
        await transaction.execute(sql`select pg_advisory_xact_lock(${changeLock}::bigint)`);
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
