import type { PGliteInterface } from "@electric-sql/pglite";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { PgDatabase, PgDialect, type PgQueryResultHKT } from "drizzle-orm/pg-core";
import { PostgresJsSession } from "drizzle-orm/postgres-js/session";
import type { Committing, default as postgres } from "#postgres";

/**
 * The types that drizzle maps itself (drizzle-orm 0.45, postgres-js/driver.js): dates, times, intervals, their arrays.
 */
const mappedByDrizzle = [1082, 1083, 1114, 1115, 1182, 1184, 1185, 1231];
/** The types that drizzle maps itself when it writes them: json and jsonb. */
const writtenByDrizzle = [114, 3802];
const asItIs = <T>(value: T): T => value;
/** The same for PGlite, whose parsers make dates of times. */
const unparsed = Object.fromEntries(mappedByDrizzle.map((type) => [type, asItIs<string>]));

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

/** Statements with `$1`-style parameters in a transaction. Drizzle would build their texts each time. */
export interface Statements {
  /** Those that are called without waiting for the one before are sent together, and run in this order. */
  run<Row>(statement: string, parameters: readonly string[]): Promise<readonly Row[]>;
  /**
   * Runs the last statement of the transaction. It need not have been answered when this resolves: on PostgreSQL,
   * COMMIT leaves together with it. If it fails, the transaction fails.
   */
  last(statement: string, parameters: readonly string[]): Promise<void>;
  /** Returns false when COMMIT was not sent, although the work of the transaction is done. */
  commitSent(): boolean;
}

/** Returns the statements of a transaction of drizzle. */
export function statementsIn(transaction: object): Statements {
  // Drizzle keeps the client of a transaction here (drizzle-orm 0.45, postgres-js/session.js and pglite/session.js).
  const { client } = Reflect.get(transaction, "session") as {
    readonly client: Committing | Pick<PGliteInterface, "query">;
  };
  if ("query" in client) {
    const run: Statements["run"] = async <Row>(statement: string, parameters: readonly string[]) =>
      (await client.query<Row>(statement, [...parameters], { parsers: unparsed })).rows;
    return {
      run,
      last: async (statement, parameters) => void (await run(statement, parameters)),
      commitSent: () => true,
    };
  }
  const send = (statement: string, parameters: readonly string[]) =>
    client.unsafe(statement, [...parameters], { prepare: true }).execute();
  return {
    run: async <Row>(statement: string, parameters: readonly string[]) => {
      const rows: readonly unknown[] = await send(statement, parameters);
      return rows as readonly Row[]; // the caller knows what its statement selects
    },
    last: async (statement, parameters) => void send(statement, parameters),
    commitSent: () => Boolean(client.commit?.state),
  };
}
