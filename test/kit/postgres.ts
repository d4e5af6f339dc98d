import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import type { DatabaseAddress } from "../../src/config/database-address.js";
import { parseDatabaseUrl } from "../../src/config/database-url.js";
import type { Identity } from "./authority.js";
import { track } from "./children.js";
import type { TestClock } from "./clock.js";
import { sharedPostgres } from "./shared.js";

/** A database for one test on a real PostgreSQL. */
export interface TestDatabase {
  readonly url: string;
  /** Drops the database. */
  stop(): Promise<void>;
}

/** A PostgreSQL process for tests that stop it. */
export interface TestPostgres {
  readonly url: string;
  /** Process id of the postmaster; changes with each start. */
  pid(): number;
  /** Ends it at once, like a crash, and starts it again on the same port and data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const noPostgres =
  "NO POSTGRESQL: set PATWARDEN_TEST_DATABASE_URL or install the server (Debian: apt-get install postgresql); tests that need it are skipped";

/** Returns the folder of the newest server programs, 14 or later. */
function findServer(): string | undefined {
  const root = "/usr/lib/postgresql";
  const packaged = existsSync(root)
    ? readdirSync(root)
        .filter((version) => Number(version) >= 14)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(root, version, "bin"))
    : [];
  return [...packaged, ...(process.env["PATH"] ?? "").split(delimiter)].find((folder) =>
    ["initdb", "pg_basebackup", "postgres", "pg_isready"].every((program) => existsSync(join(folder, program))),
  );
}

export function havePostgres(): boolean {
  return process.env["PATWARDEN_TEST_DATABASE_URL"] !== undefined || findServer() !== undefined;
}

/** Returns the user to run PostgreSQL as, which refuses to run as root: the user that its package made, or nobody. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const user = ["postgres", "nobody"].find((name) => {
    try {
      execFileSync("id", ["-u", name], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
  if (!user) throw new Error("no user to run PostgreSQL as");
  const id = (flag: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Returns the address that openPostgres accepts, for a URL that names no files. */
export function addressOf(url: string): DatabaseAddress {
  const parsed = parseDatabaseUrl(url, () => "");
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

/**
 * Returns the same URL with TLS. With `require` the driver verifies no certificate; with `verify-full` the authority
 * comes from NODE_EXTRA_CA_CERTS.
 */
export function overTls(url: string, mode: "require" | "verify-full" = "require"): string {
  const secured = new URL(url);
  secured.searchParams.set("sslmode", mode);
  return secured.href;
}

/**
 * Starts a server in a temporary folder, on a free port of 127.0.0.1. `over` is merged over its settings; `clock` is
 * its wall clock. With an `identity` it offers TLS to clients; see `overTls`.
 */
export async function startPostgres(
  over: Readonly<Record<string, string>> = {},
  {
    clock,
    identity,
    standbyOf,
  }: {
    readonly clock?: TestClock;
    readonly identity?: Pick<Identity, "cert" | "key">;
    /** The URL of the server whose hot standby this is. */
    readonly standbyOf?: string;
  } = {},
): Promise<TestPostgres> {
  const bin = findServer();
  if (!bin) throw new Error(noPostgres);
  const user = unprivileged();
  const directory = mkdtempSync(join(tmpdir(), "patwarden-postgres-"));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const [making, ...flags] =
    standbyOf === undefined
      ? ["initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "-N"]
      : ["pg_basebackup", "-d", standbyOf, "-D", data, "-R", "-c", "fast", "-X", "stream", "-N"];
  execFileSync(join(bin, making), flags, { ...user, cwd: directory, stdio: "ignore" });
  const port = await freePort();
  /** PostgreSQL refuses a key that other users may read. */
  const keep = (name: string, text: Buffer): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (user.uid !== undefined && user.gid !== undefined) chownSync(file, user.uid, user.gid);
    return file;
  };
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    max_connections: 200,
    ...(identity && {
      ssl: "on",
      ssl_cert_file: keep("server.crt", identity.cert),
      ssl_key_file: keep("server.key", identity.key),
    }),
    ...over,
  };
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const started = track(
      spawn(join(bin ?? "", "postgres"), ["-D", data, ...flags], {
        ...user,
        cwd: directory,
        stdio: "ignore",
        env: { ...process.env, ...clock?.env },
      }),
    );
    child = started;
    for (;;) {
      if (started.exitCode !== null) throw new Error(`PostgreSQL ended with ${started.exitCode} at its start`);
      try {
        execFileSync(join(bin ?? "", "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
        return;
      } catch {
        await sleep(50);
      }
    }
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => running.once("exit", () => resolve()));
    running.kill(signal);
    await ended;
  }

  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pid: () => child?.pid ?? 0,
    // SIGQUIT is PostgreSQL's immediate shutdown: sessions are cut, and nothing is written to disk.
    kill: () => end("SIGQUIT"),
    start,
    async stop() {
      await end("SIGINT");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Returns a URL of both hosts, with the user and database of the first one. */
export function standbyFirst(standby: string, primary: string): string {
  const { host } = new URL(standby);
  return standby.replace(host, `${host},${new URL(primary).host}`);
}

const pooler = "/usr/sbin/pgbouncer";

export const noPooler =
  "NO PGBOUNCER: install it (Debian: apt-get install pgbouncer); tests behind a pooler are skipped";

export function havePooler(): boolean {
  return existsSync(pooler);
}

/** Starts a transaction-mode pooler in front of the database: each transaction may use another session. */
export async function startPooler(databaseUrl: string): Promise<TestDatabase> {
  const { hostname, port: upstreamPort, pathname, username } = new URL(databaseUrl);
  const user = unprivileged();
  const directory = mkdtempSync(join(tmpdir(), "patwarden-pgbouncer-"));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid);
  const port = await freePort();
  const file = join(directory, "pgbouncer.ini");
  const name = pathname.slice(1);
  writeFileSync(
    file,
    `[databases]
${name} = host=${hostname} port=${upstreamPort || 5432} dbname=${name} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
`,
  );
  const child = track(spawn(pooler, [file], { ...user, cwd: directory, stdio: "ignore" }));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `postgres://${username}@127.0.0.1:${port}/${name}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode} at its start`);
    const sql = postgres(url, { max: 1, prepare: false, connect_timeout: 1 });
    const answered = await sql`select 1`.then(() => true).catch(() => false);
    await sql.end();
    if (answered) break;
    await sleep(50);
  }
  return {
    url,
    async stop() {
      child.kill("SIGINT");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Creates a new, empty database on the server of this run. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabaseOn((await sharedPostgres()).url);
}

/** Copies the database that `patwarden migrate` has prepared for this run, in a tenth of the time of migrating. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const { url, template } = await sharedPostgres();
  return createDatabaseOn(url, template);
}

/** Creates a database on `server`, a superuser's URL. */
export async function createDatabaseOn(server: string, template = "template1"): Promise<TestDatabase> {
  const name = `patwarden_test_${randomUUID().replaceAll("-", "")}`;
  const administer = async (statement: string): Promise<void> => {
    const sql = postgres(server, { max: 1, onnotice: () => undefined });
    try {
      await sql.unsafe(statement);
    } finally {
      await sql.end();
    }
  };
  await administer(`create database ${name} template ${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, stop: () => administer(`drop database ${name} with (force)`) };
}

/** Returns a port of 127.0.0.1 on which no process listened a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}
