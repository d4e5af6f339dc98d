import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openPostgres } from "../../src/database/database.js";
import { guarded } from "../../src/database/errors.js";
import { createAuthority, loopback } from "../kit/authority.js";
import { addressOf, freePort, havePostgres, noPostgres, startPostgres, type TestPostgres } from "../kit/postgres.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
const haveIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === "::1"));
if (!haveIpv6) process.stderr.write("NO IPV6: there is no ::1; the test of a database there is skipped\n");

const raw = "a@b/c#d?e:f[g]&h=i";

describe.skipIf(!havePostgres())("B6 PostgreSQL is reached", () => {
  let server: TestPostgres;
  let standby: TestPostgres;
  let port: string;
  let standbyPort: string;
  const sockets = mkdtempSync("/tmp/pw-");
  const authority = createAuthority();

  async function ask(url: string): Promise<unknown> {
    return using(url, async (database) => {
      const [row] = await guarded(() =>
        database.query<{ row: unknown }>(
          "select row_to_json(r) as row from (select current_user as who, current_setting('port') as port) r",
          [],
        ),
      );
      return row?.row;
    });
  }
  async function using<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
    const address = addressOf(url);
    const database = openPostgres({ address, maxConnections: 1, prepare: true, statementMs: 10_000 });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }

  beforeAll(async () => {
    const identity = authority.issue(loopback, "server");
    const over = { listen_addresses: haveIpv6 ? "127.0.0.1,::1" : "127.0.0.1" };
    [server, standby] = await Promise.all([
      startPostgres(over, { identity }),
      startPostgres({ default_transaction_read_only: "on" }),
    ]);
    port = new URL(server.url).port;
    standbyPort = new URL(standby.url).port;
  });
  afterAll(async () => {
    await Promise.all([server.stop(), standby.stop()]);
    rmSync(sockets, { recursive: true });
  });

  it.skipIf(!haveIpv6)("at [::1]", async () => {
    expect(await ask(`postgres://postgres@[::1]:${port}/postgres`)).toEqual({ who: "postgres", port });
  });

  it("at the second host when the first is dead", async () => {
    const dead = await freePort();
    const url = `postgres://postgres@127.0.0.1:${dead},127.0.0.1:${port}/postgres?target_session_attrs=primary`;
    for (let i = 0; i < 5; i++) expect(await ask(url)).toEqual({ who: "postgres", port });
  });

  it("at the host that accepts writes, in any order of hosts", async () => {
    for (const ports of [
      [standbyPort, port],
      [port, standbyPort],
    ]) {
      const hosts = ports.map((each) => `127.0.0.1:${each}`).join(",");
      const url = `postgres://postgres@${hosts}/postgres?target_session_attrs=read-write`;
      for (let i = 0; i < 3; i++) expect(await ask(url)).toEqual({ who: "postgres", port });
    }
  });

  it("or not, when no host writes", async () => {
    const url = `postgres://postgres@127.0.0.1:${standbyPort}/postgres?target_session_attrs=read-write`;
    await expect(ask(url)).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  });

  it("with the parameters that the URL sets, and never with another DateStyle", async () => {
    const options = encodeURIComponent("-c DateStyle=SQL -c lock_timeout=4s");
    const url = `postgres://postgres@127.0.0.1:${port}/postgres?application_name=my%20app&options=${options}`;
    await using(url, async (database) => {
      const rows = await database.query(
        "select current_setting('application_name') a, current_setting('lock_timeout') l, current_setting('DateStyle') d",
        [],
      );
      expect(rows).toEqual([{ a: "my app", l: "4s", d: "ISO, MDY" }]);
    });
  });

  it("by TLS as sslmode says", async () => {
    const ca = `${sockets}/ca.crt`;
    writeFileSync(ca, authority.cert);
    const read = (name: string) => (existsSync(name) ? authority.cert.toString() : "");
    const tlsAt = async (host: string, query: string) => {
      const { parseDatabaseUrl } = await import("../../src/config/database-url.js");
      const parsed = parseDatabaseUrl(`postgres://postgres@${host}:${port}/postgres?${query}`, read);
      if (!parsed.ok) throw new Error(parsed.problem);
      const database = openPostgres({ address: parsed.value, maxConnections: 1, prepare: true, statementMs: 10_000 });
      try {
        const [row] = await guarded(() =>
          database.query<{ ssl: boolean }>("select ssl from pg_stat_ssl where pid = pg_backend_pid()", []),
        );
        return row?.ssl;
      } finally {
        await database.close();
      }
    };
    expect(await tlsAt("127.0.0.1", "sslmode=disable")).toBe(false);
    expect(await tlsAt("127.0.0.1", "")).toBe(false);
    expect(await tlsAt("127.0.0.1", "sslmode=prefer")).toBe(true);
    expect(await tlsAt("127.0.0.1", "sslmode=require")).toBe(true);
    expect(await tlsAt("127.0.0.1", `sslmode=verify-ca&sslrootcert=${ca}`)).toBe(true);
    expect(await tlsAt("127.0.0.1", `sslmode=verify-full&sslrootcert=${ca}`)).toBe(true);
    await expect(tlsAt("127.0.0.1", "sslmode=verify-full")).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  });

  it("by a Unix socket, and with a password as it is", async () => {
    const database = await startPostgres({ unix_socket_directories: "." });
    try {
      const own = new URL(database.url);
      const folder = await using(own.href, async ({ query }) => {
        await query(`create role raw login password '${raw}'`, []);
        const [row] = await query<{ folder: string; hba: string }>(
          "select current_setting('data_directory') as folder, current_setting('hba_file') as hba",
          [],
        );
        writeFileSync(
          row?.hba ?? "",
          "local all all trust\nhost all postgres all trust\nhost all raw all scram-sha-256\n",
        );
        await query("select pg_reload_conf()", []);
        return row?.folder ?? "";
      });
      const asked = { who: "postgres", port: own.port };
      expect(await ask(`postgres://postgres@/postgres?host=${folder}&port=${own.port}`)).toEqual(asked);
      expect(await ask(`postgres://postgres@${encodeURIComponent(folder)}:${own.port}/postgres`)).toEqual(asked);
      expect(await ask(`postgres://raw:${raw}@${own.host}/postgres`)).toEqual({ who: "raw", port: own.port });
      await expect(ask(`postgres://raw:other@${own.host}/postgres`)).rejects.toThrow();
    } finally {
      await database.stop();
    }
  });
});
