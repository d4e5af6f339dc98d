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
import { drizzlePostgres } from "./drizzle-postgres.js";
import { guarded, soleRow } from "./errors.js";
import { forCaller, ormForCaller } from "./for-caller.js";
import { listenTo } from "./listen.js";
import { migrationsFolder } from "./migrations.js";
import { openPool, type Pool } from "./pool.js";
import { preparing } from "./prepared.js";
import { migrationSettings, settingChanges, within } from "./session.js";

export type Orm = PgDatabase<PgQueryResultHKT>;

/** PostgreSQL or PGlite; nothing above this file knows which. */
export interface Database {
  readonly orm: Orm;
  /** For changes of many rows: the same database, by connections that may be silent for minutes. */
  readonly patient: Orm;
  /** For reads of many rows: the same, by two other connections. So two of them run at a time, and no number of them keeps a revocation waiting. */
  readonly scanning: Orm;
  /** One statement with `$1`-style parameters, prepared once for each connection where that is admitted: for the look-ups of every Check. */
  query<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /** The same by a connection of its own, which nothing else keeps waiting. */
  urgent<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /** The same database for one caller, who waits no longer once `isOver`: what has not been sent by then is not sent, and no change begins. */
  forCaller(isOver: () => boolean): Database;
  /** Calls back for every notification, and after each reconnection, since some may have been missed. */
  listen(channel: string, onNotification: () => void): Promise<Listening>;
  /** Brings the schema up to date. Safe when several processes do it at once. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresOptions {
  readonly address: DatabaseAddress;
  /** Where to listen for notifications: not through a pooler. Default `address`. */
  readonly listenAddress?: DatabaseAddress;
  readonly maxConnections: number;
  /** False behind a transaction-mode pooler that does not know prepared statements. */
  readonly prepare: boolean;
  /** Longest time for one statement, milliseconds, the wait for a connection included. Default 2,000. */
  readonly statementMs?: number;
}

/** All statements have ended when a database is closed, but one that has lost its answer is waited for. */
const closeTimeoutSeconds = 1;
/** Connections of each of the two pools. */
const patientConnections = 2;
/** For statements over many rows. */
export const patientStatementMs = 5 * 60_000;
/** A migration may rewrite a large table, or wait for another process that does. */
const migrationStatementMs = 24 * 3_600_000;
const migrationLock = 1_472_665_730; // any number that nobody else uses

/** Connects lazily: an unreachable server shows in the first statement. */
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
  const run = async <Row>({ sql: by }: Pool, statement: string, parameters: readonly unknown[]) => {
    const rows: readonly unknown[] = await by.unsafe(statement, [...parameters] as postgres.ParameterOrJSON<never>[], {
      prepare,
    });
    return rows as readonly Row[]; // what the statement selects is its caller's to know
  };
  const database: Database = {
    orm: ormOf(client.sql),
    patient: patientOrmOf(patient.sql),
    scanning: patientOrmOf(scanning.sql),
    forCaller: (isOver) => ({
      ...database,
      orm: ormOf(forCaller(client.sql, isOver)),
      patient: patientOrmOf(forCaller(patient.sql, isOver)),
      scanning: patientOrmOf(forCaller(scanning.sql, isOver)),
    }),
    query: (statement, parameters) => run(client, statement, parameters),
    urgent: (statement, parameters) => run(urgent, statement, parameters),
    listen: (channel, onNotification) =>
      listenTo(channel, onNotification, {
        open: (hooks) => openPool(listenAddress, { ...hooks, max: 1, prepare: false }, statementMs),
        notify: () => urgent.sql`select pg_notify(${channel}, 'listening')`,
      }),
    async migrate() {
      const own = openPool(address, { max: 2, prepare: false }, migrationStatementMs);
      try {
        // One transaction: behind a pooler a lock of the session would stay with the session's next user, and that of a process that is lost would stay.
        await own.sql.begin(async (held) => {
          await held.unsafe(migrationSettings);
          await held`select pg_advisory_xact_lock(${migrationLock})`;
          await drizzlePostgres(within(own.sql, held)).migrate(migrationsFolder);
        });
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

/** Packed by the build. Without one PGlite makes the database itself, which takes several times as long. */
const emptyDatabase = fileURLToPath(new URL("../../dist/empty-database.tar.gz", import.meta.url));

function gzipped(file: string): Blob {
  return new Blob([readFileSync(file)], { type: "application/x-gzip" });
}

/** The embedded database: in a folder that this process has locked, or in memory when there is none. */
export async function openPglite(directory: string | undefined): Promise<Database> {
  const dataDir = directory === undefined ? undefined : join(directory, "data");
  // There while the database is being made: what a process leaves that is killed meanwhile is no database.
  const unfinished = dataDir && `${dataDir}.unfinished`;
  if (dataDir && unfinished && existsSync(unfinished)) rmSync(dataDir, { recursive: true, force: true });
  const isNew = dataDir === undefined || !existsSync(join(dataDir, "PG_VERSION"));
  if (isNew && unfinished) writeFileSync(unfinished, "", { mode: 0o600 });
  const client = await PGlite.create({
    ...(dataDir !== undefined && { dataDir }),
    ...(isNew && existsSync(emptyDatabase) && { loadDataDir: gzipped(emptyDatabase) }),
  });
  if (unfinished) rmSync(unfinished, { force: true });
  const orm = drizzlePglite(client);
  let migrated: Promise<void> | undefined;
  const run = async <Row>(statement: string, parameters: readonly unknown[]) =>
    (await client.query<Row>(statement, [...parameters])).rows;
  const database: Database = {
    orm,
    patient: orm,
    scanning: orm,
    forCaller(isOver) {
      const own = ormForCaller(orm, isOver);
      return { ...database, orm: own, patient: own, scanning: own };
    },
    query: run,
    urgent: run,
    async listen(channel, onNotification) {
      const stop = await client.listen(channel, onNotification);
      return { notified: () => true, stop: () => stop() };
    },
    // One at a time: there is no lock to wait for within one process.
    migrate: () => (migrated ??= migratePglite(orm, { migrationsFolder })),
    close: () => client.close(),
  };
  return database;
}

/** The database's clock. Throws when it does not answer. */
export async function databaseTime({ orm }: Database): Promise<Date> {
  const rows = await guarded(() =>
    orm.select({ ms: sql<string>`extract(epoch from clock_timestamp()) * 1000` }).from(sql`(values (1)) as one`),
  );
  return new Date(Number(soleRow(rows).ms));
}
