import { eq, isNotNull, sql } from "drizzle-orm";
import { integer, jsonb, pgTable } from "drizzle-orm/pg-core";
import type { ActionName } from "../domain/identifier.js";
import { noPolicy, type Policy, stricter } from "../domain/policy.js";
import type { PolicyStore, StoredPolicyRecord } from "../domain/policy-store.js";
import { transactChange } from "./change.js";
import { identifier, instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";

/** A policy as stored. An absent field sets no limit. */
export interface StoredPolicy {
  readonly maxLifetimeMs?: number;
  readonly defaultLifetimeMs?: number;
  readonly requireExpiry?: boolean;
  readonly allowedActions?: readonly string[];
  readonly allowedCidrs?: readonly string[];
  readonly requireApproval?: boolean;
  readonly revokeUnusedAfterMs?: number;
  readonly revokeOnReuse?: boolean;
  readonly forbidFull?: boolean;
  readonly blockAll?: boolean;
  readonly allowSelfRotation?: boolean;
  readonly requireOrganization?: boolean;
}

/**
 * Policies by scope: `user` and `organization` are the deployment's, any other scope is the name of an organization.
 */
export const policy = pgTable(
  "policy",
  {
    scope: identifier("scope").primaryKey(),
    /**
     * Null when the policy was deleted. The row stays, so that no revision is used twice and no old etag matches again.
     */
    fields: jsonb("fields").$type<StoredPolicy>(),
    revision: integer("revision").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => readable("time", table.updatedAt),
);

/** Stores policies in PostgreSQL or PGlite. */
export function createPolicyStore(database: Database): PolicyStore {
  const { orm } = database;
  return {
    async get(scope) {
      const rows = await guarded(() =>
        orm.select({ standby, row: policy }).from(answeringServer).leftJoin(policy, eq(policy.scope, scope)),
      );
      return stored(scope, rowsFromPrimary(rows)[0]?.row);
    },

    async listWithUnusedLimit() {
      const limited = isNotNull(sql`${policy.fields} -> 'revokeUnusedAfterMs'`);
      const rows = await guarded(() => orm.select().from(policy).where(limited).orderBy(policy.scope));
      return rows.map((row) => stored(row.scope, row));
    },

    change: (scope, now, decide) =>
      transactChange(database, async (transaction) => {
        // Inserts a row to lock for a scope that was never set. Revision 0 marks such a row.
        await transaction
          .insert(policy)
          .values({ scope, fields: null, revision: 0, updatedAt: now })
          .onConflictDoNothing();
        const row = onlyRow(await transaction.select().from(policy).where(eq(policy.scope, scope)).for("update"));
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

function readPolicy(row: Pick<typeof policy.$inferSelect, "fields"> | null | undefined): Policy {
  if (!row?.fields) return noPolicy;
  const { allowedActions, ...fields } = row.fields;
  return { ...noPolicy, ...fields, allowedActions: allowedActions as readonly ActionName[] | undefined };
}

function storedPolicy(policy: Policy): StoredPolicy {
  return JSON.parse(JSON.stringify(policy)); // leaves out fields that are undefined
}

/** Returns the policy whose fields are given as JSON, or one without limits for null. */
export function policyOfText(fields: string | null): Policy {
  return readPolicy(fields === null ? undefined : { fields: JSON.parse(fields) });
}

/** The stricter of two policies by the texts of both. There are few, and cached tokens share these objects. */
const effectivePolicies = new Map<string, Policy>();
const mostPolicies = 10_000;

/** Returns the stricter of two policies, each given as JSON or null. Each pair is computed once. */
export function effectivePolicy(deployment: string | null, own: string | null): Policy {
  const key = `${deployment ?? ""}\n${own ?? ""}`;
  const known = effectivePolicies.get(key);
  if (known) return known;
  const policy = own === null ? policyOfText(deployment) : stricter(policyOfText(deployment), policyOfText(own));
  if (effectivePolicies.size >= mostPolicies) effectivePolicies.clear();
  effectivePolicies.set(key, policy);
  return policy;
}
