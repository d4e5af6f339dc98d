import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { sql } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { migrate as migratePostgres } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { guarded } from "./errors.js";
import { listenTo } from "./listen.js";
import { migrationsFolder } from "./migrations.js";
import { preparing } from "./prepared.js";
import type { Listening } from "./revocation-store.js";
import * as schema from "./schema.js";
import { migrationSettings, settingChanges, within } from "./session.js";
import { type SocketTarget, WatchedSockets } from "./watched-socket.js";

export type Orm = PgDatabase<PgQueryResultHKT, typeof schema>;

/** PostgreSQL or PGlite; nothing above this file knows which. */
export interface Database {
  readonly orm: Orm;
  /** For statements over many rows: the same database, by connections that may be silent for minutes. */
  readonly patient: Orm;
  /** One statement with `$1`-style parameters, prepared once for each connection where that is admitted: for the look-ups of every Check. */
  query<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /** The same by a connection of its own, which nothing else keeps waiting. */
  urgent<Row>(statement: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /** Calls back for every notification, and after each reconnection, since some may have been missed. */
  listen(channel: string, onNotification: () => void): Promise<Listening>;
  /** Brings the schema up to date. Safe when several processes do it at once. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresOptions {
  readonly url: string;
  /** Where to listen for notifications: not through a pooler. Default `url`. */
  readonly listenUrl?: string;
  readonly maxConnections: number;
  /** False behind a transaction-mode pooler that does not know prepared statements. */
  readonly prepare: boolean;
  /** A connection that owes an answer and says nothing for so long is given up, milliseconds. Default 2,000; 0 waits for ever. */
  readonly silenceMs?: number;
}

const connectTimeoutMs = 2_000;
/** Longest time before a lost connection is made again. The driver's grows to 20 s, which its next statement waits out, however long the database has been well again. */
const longestReconnectSeconds = 0.1;
/** All statements have ended when a database is closed, but the driver waits for those that were lost with their connection (postgres 3.4.9, connection.js `end`). */
const closeTimeoutSeconds = 1;
const patientConnections = 2;
const patientSilenceMs = 5 * 60_000;
const migrationLock = 1_472_665_730; // any number that nobody else uses

/** Connects lazily: an unreachable server shows in the first statement. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, listenUrl = url, maxConnections, prepare, silenceMs = 2_000 } = options;
  const sockets = new WatchedSockets();
  const open = (connections: number, silence: number) =>
    postgres(url, { ...clientOptions(sockets, silence), max: connections, prepare });
  const client = open(maxConnections, silenceMs);
  const patient = open(patientConnections, patientSilenceMs);
  const urgent = open(1, silenceMs);
  const changing = settingChanges(client, prepare);
  const run = async <Row>(by: postgres.Sql, statement: string, parameters: readonly unknown[]) => {
    const rows: readonly unknown[] = await by.unsafe(statement, [...parameters] as postgres.ParameterOrJSON<never>[], {
      prepare,
    });
    return rows as readonly Row[]; // what the statement selects is its caller's to know
  };
  return {
    orm: drizzlePostgres(prepare ? preparing(changing) : changing, { schema }),
    patient: drizzlePostgres(settingChanges(patient, prepare), { schema }),
    query: (statement, parameters) => run(client, statement, parameters),
    urgent: (statement, parameters) => run(urgent, statement, parameters),
    listen: (channel, onNotification) =>
      listenTo(channel, onNotification, {
        open: (hooks) =>
          postgres(listenUrl, { ...clientOptions(sockets, silenceMs), ...hooks, max: 1, prepare: false }),
        notify: () => urgent`select pg_notify(${channel}, 'listening')`,
      }),
    async migrate() {
      const own = openWithoutWatch(url);
      try {
        // One transaction: behind a pooler a lock of the session would stay with the session's next user, and that of a process that is lost would stay.
        await own.begin(async (held) => {
          await held.unsafe(migrationSettings);
          await held`select pg_advisory_xact_lock(${migrationLock})`;
          await migratePostgres(drizzlePostgres(within(own, held)), { migrationsFolder });
        });
      } finally {
        await own.end({ timeout: 5 });
      }
    },
    async close() {
      await Promise.all([client, patient, urgent].map((each) => each.end({ timeout: closeTimeoutSeconds })));
      sockets.close();
    },
  };
}

function clientOptions(
  sockets: WatchedSockets,
  silenceMs: number,
): postgres.Options<Record<string, postgres.PostgresType>> {
  return {
    connect_timeout: connectTimeoutMs / 1000,
    backoff: (failures) => Math.min(3 ** failures / 100, longestReconnectSeconds),
    connection: { application_name: "patwarden" },
    // Notices can hold data, and the default prints them to stdout.
    onnotice: () => undefined,
    // The declared options lack it (postgres 3.4.9, connection.js createSocket).
    ...{ socket: (to: SocketTarget) => sockets.open(to, silenceMs) },
  };
}

/** A migration may take its time. */
function openWithoutWatch(url: string): postgres.Sql {
  return postgres(url, { max: 2, prepare: false, connect_timeout: connectTimeoutMs / 1000, onnotice: () => undefined });
}

/** Packed by the build. Without one PGlite makes the database itself, which takes several times as long. */
const emptyDatabase = fileURLToPath(new URL("../../dist/empty-database.tar.gz", import.meta.url));

function gzipped(file: string): Blob {
  return new Blob([readFileSync(file)], { type: "application/x-gzip" });
}

/** The embedded database: in a folder that this process has locked, or in memory when there is none. */
export async function openPglite(directory: string | undefined): Promise<Database> {
  const dataDir = directory === undefined ? undefined : join(directory, "data");
  const isNew = dataDir === undefined || !existsSync(join(dataDir, "PG_VERSION"));
  const client = await PGlite.create({
    ...(dataDir !== undefined && { dataDir }),
    ...(isNew && existsSync(emptyDatabase) && { loadDataDir: gzipped(emptyDatabase) }),
  });
  const orm = drizzlePglite(client, { schema });
  let migrated: Promise<void> | undefined;
  const run = async <Row>(statement: string, parameters: readonly unknown[]) =>
    (await client.query<Row>(statement, [...parameters])).rows;
  return {
    orm,
    patient: orm,
    query: run,
    urgent: run,
    async listen(channel, onNotification) {
      const stop = await client.listen(channel, onNotification);
      return { hinted: () => true, stop: () => stop() };
    },
    // One at a time: there is no lock to wait for within one process.
    migrate: () => (migrated ??= migratePglite(orm, { migrationsFolder })),
    close: () => client.close(),
  };
}

/** The database's clock. Throws when it does not answer. */
export async function databaseTime({ orm }: Database): Promise<Date> {
  const [row] = await guarded(() =>
    orm.select({ ms: sql<string>`extract(epoch from clock_timestamp()) * 1000` }).from(sql`(values (1)) as one`),
  );
  return new Date(Number(row?.ms));
}
