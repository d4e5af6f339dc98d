import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { sql } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import type postgres from "#postgres";
import type { DatabaseAddress } from "../config/database-address.js";
import type { Listening } from "../revocation/revocation-store.js";
import { advisoryLocks } from "./advisory-locks.js";
import { clientForCaller, ormForCaller } from "./caller-deadline.js";
import { drizzlePostgres } from "./drizzle.js";
import { evaluate, guarded, migrationError } from "./errors.js";
import { type Channels, listenTo } from "./listen.js";
import { migrationsFolder } from "./migrations.js";
import { openPool } from "./pool.js";
import { preparing } from "./prepared.js";
import { migrationSettings, settingChanges, within } from "./session.js";

export type Orm = PgDatabase<PgQueryResultHKT>;

/** A database, PostgreSQL or PGlite; no code outside this file knows which. */
export interface Database {
  readonly orm: Orm;
  /** For changes of many rows: the same database, on connections whose statements may take minutes. */
  readonly patient: Orm;
  /**
   * Reads many rows: the same database on two other connections, so that reads never make a revocation wait. `read` may
   * run within a transaction.
   */
  scan<Result>(read: (orm: Orm) => Promise<Result>): Promise<Result>;
  /**
   * Runs one statement with `$1`-style parameters, prepared once for each connection where `prepare` allows it. For the
   * lookups of every Check.
   */
  query<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /** Does the same on a separate connection, for statements that must never queue. */
  urgent<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Returns the same database for one caller. Once `isOver` returns true, no statement leaves the queue and no change
   * begins. Statements that were sent continue.
   */
  forCaller(isOver: () => boolean): Database;
  /** Listens to channels. */
  listen(channels: Channels): Promise<Listening>;
  /** Brings the schema up to date. Safe when several processes do it at once. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresOptions {
  readonly address: DatabaseAddress;
  /** The address to listen for notifications at, which must not be a pooler. Default `address`. */
  readonly listenAddress?: DatabaseAddress;
  readonly maxConnections: number;
  /** False behind a pooler in transaction mode that does not support prepared statements. */
  readonly prepare: boolean;
  /** The longest time for one statement, milliseconds, the wait for a connection included. Default 2,000. */
  readonly statementMs?: number;
}

/** Seconds that `close` waits for running statements. By then only a statement whose answer was lost can be running. */
const closeTimeoutSeconds = 1;
/** The connections of each of the patient pool and the scanning pool. */
const patientConnections = 2;
/** The longest time for a statement over many rows. */
export const patientStatementMs = 5 * 60_000;
/** A migration may rewrite a large table, or wait for another process that does so. */
const migrationStatementMs = 24 * 3_600_000;

/** Connects lazily: when the server is unreachable, the first statement fails. */
export function openPostgres(options: PostgresOptions): Database {
  const { address, listenAddress = address, maxConnections, prepare, statementMs = 2_000 } = options;
  const open = (connections: number, limitMs: number) => openPool(address, { max: connections, prepare }, limitMs);
  const client = open(maxConnections, statementMs);
  const patient = open(patientConnections, Math.max(statementMs, patientStatementMs));
  const scanning = open(patientConnections, Math.max(statementMs, patientStatementMs));
  const urgent = open(1, statementMs);
  const ormOf = (by: postgres.Sql) => {
    const changing = settingChanges(by, prepare);
    return drizzlePostgres(prepare ? preparing(changing) : changing).orm;
  };
  const patientOrmOf = (by: postgres.Sql) => drizzlePostgres(settingChanges(by, prepare)).orm;
  const scanBy = (by: postgres.Sql): Database["scan"] => {
    const orm = patientOrmOf(by);
    // A transaction has the settings of a change, which keep PostgreSQL from compiling the statement.
    return (read) => orm.transaction(read);
  };
  const run = async <Row>(by: postgres.Sql, statement: string, parameters: readonly unknown[]) => {
    const rows: readonly unknown[] = await by.unsafe(statement, [...parameters] as postgres.ParameterOrJSON<never>[], {
      prepare,
    });
    return rows as readonly Row[]; // the caller knows what its statement selects
  };
  const database: Database = {
    orm: ormOf(client.sql),
    patient: patientOrmOf(patient.sql),
    scan: scanBy(scanning.sql),
    forCaller(isOver) {
      const own = clientForCaller(client.sql, isOver);
      let [orm, patientOrm]: Orm[] = [];
      return {
        ...database,
        // Made when they are used, since this is done for each call.
        get orm() {
          orm ??= ormOf(own);
          return orm;
        },
        get patient() {
          patientOrm ??= patientOrmOf(clientForCaller(patient.sql, isOver));
          return patientOrm;
        },
        scan: (read) => scanBy(clientForCaller(scanning.sql, isOver))(read),
        query: (statement, parameters) => run(own, statement, parameters),
      };
    },
    query: (statement, parameters) => run(client.sql, statement, parameters),
    urgent: (statement, parameters) => run(urgent.sql, statement, parameters),
    listen: (channels) =>
      listenTo(channels, {
        open: (hooks) => openPool(listenAddress, { ...hooks, max: 1, prepare: false }, statementMs),
        notify: (channel) => urgent.sql`select pg_notify(${channel}, 'listening')`,
      }),
    async migrate() {
      const own = openPool(address, { max: 2, prepare: false }, migrationStatementMs);
      try {
        // One transaction, whose lock ends with it: behind a pooler, a lock of the session would pass to the next user
        // of the session and outlive a process that dies.
        await own.sql.begin(async (held) => {
          await held.unsafe(migrationSettings);
          await held`select pg_advisory_xact_lock(${advisoryLocks.migration})`;
          await drizzlePostgres(within(own.sql, held)).migrate(migrationsFolder);
        });
      } catch (error) {
        throw migrationError(error);
      } finally {
        await own.end(5);
      }
    },
    async close() {
      await Promise.all([client, patient, scanning, urgent].map((pool) => pool.end(closeTimeoutSeconds)));
    },
  };
  return database;
}

/** A migrated database, packed by the build. Without it, PGlite creates one, which takes several times as long. */
const migratedDatabase = fileURLToPath(new URL("../../dist/migrated-database.tar.gz", import.meta.url));

function gzipped(file: string): Blob {
  return new Blob([readFileSync(file)], { type: "application/x-gzip" });
}

/** Opens the embedded database in a folder that this process has locked, or in memory when none is given. */
export async function openPglite(directory: string | undefined): Promise<Database> {
  const dataDir = directory === undefined ? undefined : join(directory, "data");
  // Exists while the database is being created. If the process dies meanwhile, the next start deletes the database.
  const unfinished = dataDir && `${dataDir}.unfinished`;
  if (dataDir && unfinished && existsSync(unfinished)) rmSync(dataDir, { recursive: true, force: true });
  const isNew = dataDir === undefined || !existsSync(join(dataDir, "PG_VERSION"));
  if (isNew && unfinished) writeFileSync(unfinished, "", { mode: 0o600 });
  const client = await PGlite.create({
    ...(dataDir !== undefined && { dataDir }),
    ...(isNew && existsSync(migratedDatabase) && { loadDataDir: gzipped(migratedDatabase) }),
  });
  if (unfinished) rmSync(unfinished, { force: true });
  const orm = drizzlePglite(client);
  let migrated: Promise<void> | undefined;
  const run = async <Row>(statement: string, parameters: readonly unknown[]) =>
    (await client.query<Row>(statement, [...parameters])).rows;
  const database: Database = {
    orm,
    patient: orm,
    scan: (read) => read(orm),
    forCaller(isOver) {
      const own = ormForCaller(orm, isOver);
      return { ...database, orm: own, patient: own, scan: (read) => read(own) };
    },
    query: run,
    urgent: run,
    async listen(channels) {
      const stops = await Promise.all(
        Object.entries(channels).map(([channel, onNotification]) => client.listen(channel, onNotification)),
      );
      return { notified: () => true, stop: async () => void (await Promise.all(stops.map((stop) => stop()))) };
    },
    // All calls share one run: within one process there is no lock to wait for.
    migrate: () => (migrated ??= migratePglite(orm, { migrationsFolder })),
    close: () => client.close(),
  };
  return database;
}

/** Returns the time of the database. Throws DATABASE_UNAVAILABLE when the database does not answer. */
export async function databaseTime({ orm }: Database): Promise<Date> {
  const ms = await guarded(() => evaluate(orm, sql<string>`extract(epoch from clock_timestamp()) * 1000`));
  return new Date(Number(ms));
}
