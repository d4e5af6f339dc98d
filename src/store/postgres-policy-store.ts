import { eq, isNotNull, sql } from "drizzle-orm";
import { noPolicy } from "../token/policy.js";
import type { Database } from "./database.js";
import { guarded, transact } from "./errors.js";
import type { PolicyStore, StoredPolicyRecord } from "./policy-store.js";
import { appendAudit } from "./postgres-audit-store.js";
import { recordChange } from "./postgres-revocation-store.js";
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
      transact(database, async (transaction) => {
        // A row to lock, also for a scope that nobody has set; revision 0 says so.
        await transaction
          .insert(policy)
          .values({ scope, fields: {}, revision: 0, updatedAt: now })
          .onConflictDoNothing();
        const [row] = await transaction.select().from(policy).where(eq(policy.scope, scope)).for("update");
        const current = stored(scope, row);
        const change = decide(current);
        const next = change?.policy;
        if (change) await appendAudit(transaction, change.event);
        if (!change && current.revision > 0) return current;
        const touched = [{ kind: "policy" as const, key: scope }];
        if (!next) {
          await transaction.delete(policy).where(eq(policy.scope, scope));
          if (change) await recordChange(transaction, touched);
          return { scope, policy: noPolicy, revision: 0 };
        }
        const revision = current.revision + 1;
        await transaction
          .update(policy)
          .set({ fields: storedPolicy(next), revision, updatedAt: now })
          .where(eq(policy.scope, scope));
        await recordChange(transaction, touched);
        return { scope, policy: next, revision };
      }),
  };
}

function stored(scope: string, row: typeof policy.$inferSelect | null | undefined): StoredPolicyRecord {
  return { scope, policy: readPolicy(row), revision: row?.revision ?? 0 };
}
