import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seal } from "../../src/audit/chain.js";
import { createAuditStore } from "../../src/database/audit.js";
import { type Database, databaseTime, openPostgres } from "../../src/database/database.js";
import { createLastUseStore } from "../../src/database/last-use.js";
import { createPepperStore } from "../../src/database/pepper.js";
import { createRevocationStore } from "../../src/database/revocation.js";
import { verifySettings } from "../../src/database/settings.js";
import { createSigningKeyStore } from "../../src/database/signing-key.js";
import { createTokenStore } from "../../src/database/token.js";
import { createUsageStore } from "../../src/database/usage.js";
import { DatabaseWatch } from "../../src/database/watch.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import {
  addressOf,
  createTestDatabase,
  havePooler,
  havePostgres,
  noPooler,
  noPostgres,
  startPooler,
  type TestDatabase,
} from "../kit/postgres.js";
import { runPatwarden } from "../kit/server.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
if (!havePooler()) process.stderr.write(`${noPooler}\n`);

let versions = 0;

/** Values that are stored and read back: every kind of column, and times before time zones had whole minutes. */
async function expectAsEver(database: Database): Promise<void> {
  const store = createTokenStore(database);
  const name = `user:${randomBytes(8).toString("hex")}` as SubjectName;
  const record = tokenRecord({
    subject: name,
    name: `O'Brien \\ "ü" 名`,
    description: "\\x41 $1 E'\\n'",
    metadata: { "a\\b": "c'd", n: "NULL" },
    allowedCidrs: ["10.0.0.0/8", "NULL"],
    notBefore: new Date("1900-06-15T01:02:03.004Z"),
    expireTime: new Date("2031-12-01T10:20:30.456Z"),
  });
  const bytes = (length: number) =>
    Buffer.concat([Buffer.from([0, 0x5c, 0x78, 0x5c, 0x5c, 0x27, 0xff]), randomBytes(length - 7)]);
  const secret = { ...secretRecord(), digest: bytes(32) };
  const key = { caller: "service:test", requestId: String(name), fingerprint: bytes(32) };
  const request = { ...key, sealedSecret: bytes(60), createTime: testTime };
  await store.create(record, () => ({ token: record, secret, event: testEvent(record), request }));

  const { digest, ...shown } = secret;
  const { tokens } = await store.list({ subject: name }, { size: 10 }, testTime);
  expect(tokens.map(({ token }) => token)).toEqual([{ ...record, secrets: [shown] }]);
  expect(await store.findRequest(key)).toEqual({
    fingerprint: key.fingerprint,
    tokenId: record.id,
    sealedSecret: request.sealedSecret,
    createTime: testTime,
  });
  const [found] = (await store.resolve([digest])).tokens;
  expect(found).toMatchObject({ standing: "GOOD", allowedCidrs: record.allowedCidrs });
  expect([found?.notBeforeMs, found?.expireMs]).toEqual([record.notBefore?.getTime(), record.expireTime?.getTime()]);

  await store.change(record.id, ({ token }) => ({
    facts: { revocation: { time: testTime, by: "service:test", reason: "REQUESTED" } },
    event: testEvent(token),
  }));
  expect((await store.resolve([digest])).tokens[0]?.standing).toBe("REVOKED");
  expect((await store.get(record.id))?.token.revocation?.time).toEqual(testTime);

  const check = bytes(32);
  const version = ++versions;
  const peppers = createPepperStore(database);
  await peppers.recordCheckValue(version, check);
  expect((await peppers.checkValues()).get(version)).toEqual(check);

  const audit = createAuditStore(database);
  while ((await audit.sealNext(1_000)) > 0);
  const last = await audit.lastSeal();
  const [end] = await audit.readSealed(last?.position ?? 0, 1);
  expect(end?.event && Buffer.from(seal(end.previousHash, end.event))).toEqual(Buffer.from(end?.hash ?? []));

  const revocation = createRevocationStore(database);
  const registration = { replicaId: crypto.randomUUID(), incarnation: crypto.randomUUID() };
  await revocation.register(registration, 5_000);
  const renewal = await revocation.renew(registration, 1);
  expect(Math.abs((renewal?.databaseTimeMs ?? 0) - Date.now())).toBeLessThan(60_000);
  expect(Math.abs((await databaseTime(database)).getTime() - Date.now())).toBeLessThan(60_000);
  expect((await revocation.leases()).epoch).toBe(renewal?.epoch);
  await revocation.leave(registration);

  const usage = createUsageStore(database);
  const hourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const counted = {
    tokenId: record.id,
    action: "viewer",
    reason: "ALLOWED",
    subject: name,
    organization: "",
    count: 3,
    units: 4,
  };
  await usage.add(crypto.randomUUID(), 1, { hourMs, counts: [counted as never], identified: [] });
  const { rows } = await usage.query(
    { filter: { tokenId: record.id }, granularity: "HOUR", groupBy: new Set(["token"]) },
    { size: 10 },
  );
  expect(rows).toMatchObject([{ start: new Date(hourMs), count: 3n, units: 4n }]);

  const uses = createLastUseStore(database);
  await uses.move([{ tokenId: record.id, secretId: secret.id, time: testTime, address: undefined }]);
  expect((await store.get(record.id))?.lastUses.get(record.id)?.time).toEqual(testTime);

  const signsFrom = new Date("2027-01-02T03:04:05.006Z");
  const signing = createSigningKeyStore(database);
  await signing.change(() => ({ add: { kid: String(name), algorithm: "ES256", sealedKey: check, signsFrom } }));
  expect((await signing.list()).find(({ kid }) => kid === name)).toMatchObject({ sealedKey: check, signsFrom });
}

/**
 * Settings that shape text, durability, waiting or search order, and values that somebody may give them; booleans and
 * enums get all of theirs.
 */
const odd: Readonly<Record<string, readonly string[]>> = {
  DateStyle: ["German", "SQL, DMY", "Postgres, YMD"],
  TimeZone: ["Asia/Kathmandu", "Africa/Monrovia", "America/New_York", "Europe/Amsterdam"],
  client_encoding: ["LATIN1", "SQL_ASCII"],
  timezone_abbreviations: ["Australia", "India"],
  extra_float_digits: ["-15", "0", "3"],
  lc_messages: ["C", "C.UTF-8"],
  lc_monetary: ["C.UTF-8"],
  lc_numeric: ["C.UTF-8"],
  lc_time: ["C.UTF-8"],
  search_path: ["evil, public", "''", "nowhere, public"],
  statement_timeout: ["900ms", "2s"],
  lock_timeout: ["1ms"],
  idle_in_transaction_session_timeout: ["900ms", "1h"],
  idle_session_timeout: ["1s", "10min"],
  deadlock_timeout: ["1ms", "1h"],
  tcp_user_timeout: ["1h"],
  tcp_keepalives_idle: ["1"],
  tcp_keepalives_interval: ["1"],
  tcp_keepalives_count: ["1"],
  client_connection_check_interval: ["1ms"],
  transaction_timeout: ["900ms", "2s"],
};

/** Values that start and watch refuse. */
const refused: Readonly<Record<string, readonly string[]>> = {
  search_path: ["evil, public", "''"],
  statement_timeout: ["900ms"],
  idle_in_transaction_session_timeout: ["900ms"],
  idle_session_timeout: ["1s"],
  transaction_timeout: ["900ms"],
  default_transaction_read_only: ["on"],
  default_transaction_isolation: ["serializable", "repeatable read", "read uncommitted"],
  session_replication_role: ["replica", "local"],
  zero_damaged_pages: ["on"],
  ignore_checksum_failure: ["on"],
};

/** Settings of the same categories that affect no text, wait or order of ours. */
const unshaping =
  /^(transaction_(isolation|read_only|deferrable)|vacuum_.*|gin_.*|.*_libraries|.*tablespaces?|default_(text_search_config|table_access_method)|dynamic_library_path|restrict_nonsystem_relation_kind|commit_(delay|siblings)|wal_.*|password_encryption|extension_.*|createrole_self_grant|icu_validation_level|event_triggers|file_copy_method|.*_buffers)$/;

describe.skipIf(!havePostgres())("A1 a setting of role, database or server", () => {
  let created: TestDatabase;
  let client: postgres.Sql;
  let name: string;
  beforeAll(async () => {
    created = await createTestDatabase();
    name = new URL(created.url).pathname.slice(1);
    client = postgres(created.url, { max: 1, onnotice: () => undefined });
    const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare: true });
    await database.migrate();
    await database.close();
    // Tables of the same names, for a session that looks there first.
    await client.unsafe(
      "create schema evil; create table evil.token (id int); create table evil.token_secret (id int)",
    );
  });
  afterAll(async () => {
    await client.end();
    await created.stop();
  });

  /** These are lists, whose items are not one text. */
  const lists = ["search_path", "DateStyle"];
  const set = (setting: string, value: string) =>
    client.unsafe(`alter database ${name} set ${setting} = ${lists.includes(setting) ? value : `'${value}'`}`);
  const reset = (setting: string) => client.unsafe(`alter database ${name} reset ${setting}`);

  it("either makes no difference or is refused by its name", { timeout: 180_000 }, async () => {
    const settings = await client<{ name: string; setting: string; vartype: string; enumvals: string[] | null }[]>`
      select name, setting, vartype, enumvals from pg_settings
      where context in ('user', 'superuser') and (
        category ~ '^(Client Connection Defaults|Version and Platform|Lock Management|Error Handling|Write-Ahead Log|Connections and Auth)'
        or name in ('zero_damaged_pages', 'ignore_checksum_failure'))
      order by name`;
    const undecided: string[] = [];
    const outcomes: string[] = [];
    const expected: string[] = [];
    for (const { name: setting, setting: usual, vartype, enumvals } of settings) {
      if (unshaping.test(setting)) continue;
      const values =
        odd[setting] ?? (vartype === "bool" ? ["on", "off"] : (enumvals ?? [])).filter((value) => value !== usual);
      if (values.length === 0) undecided.push(setting);
      for (const value of values) {
        await set(setting, value);
        const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare: true });
        const refusal = await verifySettings(database).then(
          () => undefined,
          (error: unknown) => error,
        );
        const namesIt = refusal instanceof Error && refusal.message.includes(`${setting} is `);
        if (refusal === undefined) {
          await expectAsEver(database).catch((error: unknown) => {
            throw new Error(`${setting} = ${value}`, { cause: error });
          });
        }
        outcomes.push(
          `${setting} = ${value}: ${refusal === undefined ? "as ever" : namesIt ? "refused" : String(refusal)}`,
        );
        expected.push(`${setting} = ${value}: ${refused[setting]?.includes(value) ? "refused" : "as ever"}`);
        await database.close();
        await reset(setting);
      }
    }
    expect(outcomes).toEqual(expected);
    // A new setting of another version of PostgreSQL must be added to one of the lists.
    expect(undecided).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(60);
  });

  it.skipIf(!havePooler())(
    "makes no difference behind a transaction-mode pooler either",
    { timeout: 60_000 },
    async () => {
      const odds = {
        DateStyle: "German",
        TimeZone: "Africa/Monrovia",
        bytea_output: "escape",
        extra_float_digits: "-15",
        synchronous_commit: "off",
        IntervalStyle: "sql_standard",
      };
      for (const [setting, value] of Object.entries(odds)) await set(setting, value);
      const pooler = await startPooler(created.url);
      const database = openPostgres({ address: addressOf(pooler.url), maxConnections: 3, prepare: false });
      try {
        await verifySettings(database);
        await expectAsEver(database);
      } finally {
        await database.close();
        await pooler.stop();
        for (const setting of Object.keys(odds)) await reset(setting);
      }
    },
  );

  it("is reported by the watch, with its name and the value that is needed", async () => {
    const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare: true });
    const told: (string | undefined)[] = [];
    const watch = new DatabaseWatch({
      database,
      wallMs: Date.now,
      onLook: (problem) => told.push(problem),
      onClock: () => undefined,
    });
    await watch.start();
    expect(told).toEqual([undefined]);
    await set("default_transaction_read_only", "on");
    await client`set default_transaction_read_only = off`;
    await client`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name} and pid <> pg_backend_pid()`;
    await expect
      .poll(() => told.at(-1), { timeout: 15_000 })
      .toContain("default_transaction_read_only is on and must be off");
    await watch.stop();
    await database.close();
    await reset("default_transaction_read_only");
  });

  it.each(["migrate", "keys peppers"])("stops the command %s with an error that names it", async (command) => {
    await set("search_path", "evil, public");
    const env = { PATWARDEN_DATABASE_URL: created.url };
    const { exited, log } = runPatwarden(command.split(" "), {
      env,
      cwd: mkdtempSync(join(tmpdir(), "patwarden-test-")),
    });
    expect(await exited).toBe(1);
    expect(log()).toContain("search_path is evil and must be a path whose first existing schema is public");
    await reset("search_path");
  });

  it("is logged once if a crash could lose data because of it", async () => {
    const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare: true });
    const [row] = await database.orm
      .select({ fsync: sql<string>`current_setting('fsync')` })
      .from(sql`(values (1)) as one`);
    const warnings = await verifySettings(database);
    expect(warnings).toEqual(row?.fsync === "off" ? [expect.stringMatching(/^fsync of PostgreSQL is off/)] : []);
    await database.close();
  });
});
