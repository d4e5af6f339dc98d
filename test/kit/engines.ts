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

/** A database of a test's own. */
export interface Opened {
  readonly database: Database;
  close(): Promise<void>;
}

export interface PostgresSettings {
  /** Behind a pooler in transaction mode. */
  readonly pooled?: boolean;
  readonly maxConnections?: number;
  /** As of openPostgres. */
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
 * What a repository must do alike on each, for `describe.each`; tests of one that cannot be started are skipped and it
 * is said why.
 */
export const engines: readonly { readonly name: string; readonly available: boolean; open(): Promise<Opened> }[] = [
  { name: "PostgreSQL", available: havePostgres(), open: () => onPostgres() },
  { name: "PGlite", available: true, open: onPglite },
];

/** The third, where it makes a difference. */
export const pooledPostgres = {
  name: "PostgreSQL behind a transaction-mode pooler",
  available: havePostgres() && havePooler(),
};

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
if (!havePooler()) process.stderr.write(`${noPooler}\n`);
