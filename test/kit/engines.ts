import { type Database, openPglite, openPostgres } from "../../src/database/database.js";
import {
  addressOf,
  createTestDatabase,
  havePooler,
  havePostgres,
  noPooler,
  noPostgres,
  startPooler,
} from "./postgres.js";

/** A database for one test. */
export interface Opened {
  readonly database: Database;
  close(): Promise<void>;
}

export interface PostgresSettings {
  /** Whether it is behind a pooler in transaction mode. */
  readonly pooled?: boolean;
  readonly maxConnections?: number;
  /** As in openPostgres. */
  readonly statementMs?: number;
}

export async function onPostgres({
  pooled = false,
  maxConnections = 5,
  statementMs,
}: PostgresSettings = {}): Promise<Opened & { readonly url: string }> {
  const created = await createTestDatabase();
  const pooler = pooled ? await startPooler(created.url) : undefined;
  const url = pooler?.url ?? created.url;
  const database = openPostgres({
    address: addressOf(url),
    maxConnections,
    prepare: !pooled,
    ...(statementMs !== undefined && { statementMs }),
  });
  return {
    database,
    url,
    async close() {
      await database.close();
      await pooler?.stop();
      await created.stop();
    },
  };
}

export async function onPglite(): Promise<Opened> {
  const database = await openPglite(undefined);
  return { database, close: () => database.close() };
}

/**
 * The engines on which a repository must behave in the same way, for `describe.each`. Tests of an engine that cannot be
 * started are skipped with the reason.
 */
export const engines: readonly { readonly name: string; readonly available: boolean; open(): Promise<Opened> }[] = [
  { name: "PostgreSQL", available: havePostgres(), open: () => onPostgres() },
  { name: "PGlite", available: true, open: onPglite },
];

/** A third engine, for tests where the pooler makes a difference. */
export const pooledPostgres = {
  name: "PostgreSQL behind a transaction-mode pooler",
  available: havePostgres() && havePooler(),
};

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
if (!havePooler()) process.stderr.write(`${noPooler}\n`);
