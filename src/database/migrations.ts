import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import type { Database } from "./database.js";
import { evaluate, guarded, onlyRow } from "./errors.js";

/** The folder of the SQL that drizzle-kit generated: two levels up from this file, both in src/ and in dist/. */
export const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url));

interface Journal {
  readonly entries: readonly { readonly when: number }[];
}

/** Returns whether the newest migration of this version has run. Throws DATABASE_UNAVAILABLE without an answer. */
export async function schemaIsCurrent({ orm }: Database): Promise<boolean> {
  const journal: Journal = JSON.parse(readFileSync(join(migrationsFolder, "meta", "_journal.json"), "utf8"));
  const newest = Math.max(...journal.entries.map(({ when }) => when));
  const table = sql<boolean>`to_regclass('drizzle.__drizzle_migrations') is not null`;
  if (!(await guarded(() => evaluate(orm, table)))) return false;
  const applied = await guarded(() =>
    orm.select({ last: sql<string>`max(created_at)` }).from(sql`drizzle.__drizzle_migrations`),
  );
  return Number(onlyRow(applied).last) >= newest;
}
