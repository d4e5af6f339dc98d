import { readMigrationFiles } from "drizzle-orm/migrator";
import { PgDatabase, PgDialect, type PgQueryResultHKT } from "drizzle-orm/pg-core";
import { PostgresJsSession } from "drizzle-orm/postgres-js/session";
import type postgres from "#postgres";

/**
 * The types that drizzle maps itself (drizzle-orm 0.45, postgres-js/driver.js): dates, times, intervals, their arrays.
 */
const mappedByDrizzle = [1082, 1083, 1114, 1115, 1182, 1184, 1185, 1231];
/** The types that drizzle maps itself when it writes them: json and jsonb. */
const writtenByDrizzle = [114, 3802];
const asItIs = <T>(value: T): T => value;

/** Returns drizzle on our client. `drizzle-orm/postgres-js` would load the published driver with its bugs. */
export function drizzlePostgres(client: postgres.Sql) {
  const { parsers, serializers } = client.options;
  for (const type of mappedByDrizzle) parsers[type] = asItIs;
  for (const type of [...mappedByDrizzle, ...writtenByDrizzle]) serializers[type] = asItIs;
  const dialect = new PgDialect();
  const session = new PostgresJsSession<postgres.Sql, Record<string, never>, Record<string, never>>(
    client,
    dialect,
    undefined,
  );
  return {
    orm: new PgDatabase<PgQueryResultHKT>(dialect, session, undefined),
    migrate: (migrationsFolder: string) =>
      dialect.migrate(readMigrationFiles({ migrationsFolder }), session, { migrationsFolder }),
  };
}
