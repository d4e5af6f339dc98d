import { eq, isNotNull, sql } from "drizzle-orm";
import { noPolicy } from "../domain/policy.js";
import type { PolicyStore, StoredPolicyRecord } from "../domain/policy-store.js";
import { transactChange } from "./change.js";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";
import { answering, rowsOfPrimary, standby } from "./primary.js";
import { readPolicy, storedPolicy } from "./rows.js";
import { policy } from "./schema.js";

export function createPolicyStore(database: Database): PolicyStore {
  const { orm } = database;
  return {
    async get(scope) {
      const rows = await guarded(() =>
        orm.select({ standby, row: policy }).from(answering).leftJoin(policy, eq(policy.scope, scope)),
      );
      return stored(scope, rowsOfPrimary(rows)[0]?.row);
    },

    async listWithUnusedLimit() {
      const limited = isNotNull(sql`${policy.fields} -> 'revokeUnusedAfterMs'`);
      const rows = await guarded(() => orm.select().from(policy).where(limited).orderBy(policy.scope));
      return rows.map((row) => stored(row.scope, row));
    },

    change: (scope, now, decide) =>
      transactChange(database, async (transaction) => {
        // A row to lock, also for a scope that nobody has ever set; revision 0 says so.
        await transaction
          .insert(policy)
          .values({ scope, fields: null, revision: 0, updatedAt: now })
          .onConflictDoNothing();
        const row = soleRow(await transaction.select().from(policy).where(eq(policy.scope, scope)).for("update"));
        const current = stored(scope, row);
        const change = decide(current);
        if (!change) {
          if (row.revision === 0) await transaction.delete(policy).where(eq(policy.scope, scope));
          return { result: current, events: [], touched: [] };
        }
        const changed = {
          fields: change.policy ? storedPolicy(change.policy) : null,
          revision: row.revision + 1,
          updatedAt: now,
        };
        await transaction.update(policy).set(changed).where(eq(policy.scope, scope));
        return {
          result: { ...stored(scope, changed), policy: change.policy ?? noPolicy },
          events: [change.event],
          touched: [{ kind: "policy", key: scope }],
        };
      }),
  };
}

function stored(
  scope: string,
  row: Pick<typeof policy.$inferSelect, "fields" | "revision"> | null | undefined,
): StoredPolicyRecord {
  return { scope, policy: readPolicy(row), revision: row?.fields ? row.revision : 0 };
}
