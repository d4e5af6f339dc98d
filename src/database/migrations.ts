import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";

/** SQL by drizzle-kit; two levels up from here, both in src/ and in dist/store/. */
export const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url));

interface Journal {
  readonly entries: readonly { readonly when: number }[];
}

/** Whether the newest migration that we ship has been run. Throws DATABASE_UNAVAILABLE when the database does not answer. */
export async function schemaIsCurrent({ orm }: Database): Promise<boolean> {
  const journal: Journal = JSON.parse(readFileSync(join(migrationsFolder, "meta", "_journal.json"), "utf8"));
  const newest = Math.max(...journal.entries.map(({ when }) => when));
  const tables = await guarded(() =>
    orm
      .select({ there: sql<boolean>`to_regclass('drizzle.__drizzle_migrations') is not null` })
      .from(sql`(values (1)) as one`),
  );
  if (!soleRow(tables).there) return false;
  const applied = await guarded(() =>
    orm.select({ last: sql<string>`max(created_at)` }).from(sql`drizzle.__drizzle_migrations`),
  );
  return Number(soleRow(applied).last) >= newest;
}
