import { randomBytes, randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Transaction, transact } from "../../src/database/change.js";
import { type Database, openPostgres } from "../../src/database/database.js";
import { evaluate, guarded } from "../../src/database/errors.js";
import { schemaIsCurrent } from "../../src/database/migrations.js";
import { createRevocationStore } from "../../src/database/revocation.js";
import { createSigningKeyStore } from "../../src/database/signing-key.js";
import { createSubjectStore } from "../../src/database/subject.js";
import { createTokenStore } from "../../src/database/token.js";
import { createUsageStore } from "../../src/database/usage.js";
import { toUuid } from "../../src/domain/ids.js";
import type { TokenRecord } from "../../src/domain/token.js";
import {
  addressOf,
  createTestDatabase,
  havePooler,
  havePostgres,
  noPooler,
  noPostgres,
  startPooler,
  startPostgres,
  type TestDatabase,
  type TestPostgres,
} from "../kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../kit/proxy.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
if (!havePooler()) process.stderr.write(`${noPooler}\n`);

const create = (database: Database, record: TokenRecord) =>
  createTokenStore(database).create(record, () => ({
    token: record,
    secret: { ...secretRecord(), digest: randomBytes(32) },
    event: testEvent(record),
  }));

const revocation = { time: testTime, by: "service:test", reason: "REQUESTED" } as const;
const revoke = (database: Database, { id }: TokenRecord) =>
  createTokenStore(database).change(id, ({ token }) => ({ facts: { revocation }, event: testEvent(token) }));

async function withClient<T>(url: string, use: (client: postgres.Sql) => Promise<T>): Promise<T> {
  const client = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

describe.skipIf(!havePostgres())("A2 a change is durable whatever a database says of durability", () => {
  it.each([
    ["off", "on"],
    ["local", "on"],
    ["remote_write", "on"],
    ["on", "on"],
    ["remote_apply", "remote_apply"],
  ])("%s is %s for a change, direct and behind a pooler", async (configured, inForce) => {
    const created = await createTestDatabase();
    let pooler: TestDatabase | undefined;
    try {
      await withClient(created.url, async (client) => {
        await client.unsafe(
          `alter database ${new URL(created.url).pathname.slice(1)} set synchronous_commit = ${configured}`,
        );
      });
      pooler = havePooler() ? await startPooler(created.url) : undefined;
      for (const url of [created.url, ...(pooler ? [pooler.url] : [])]) {
        const database = openPostgres({ address: addressOf(url), maxConnections: 1, prepare: false });
        for (const orm of [database.orm, database.patient]) {
          const inTransaction = await transact({ orm }, async (transaction) => {
            // Asked by a statement that does not wait for the first one: the settings apply from BEGIN.
            const [row] = await transaction
              .select({ value: sql<string>`current_setting('synchronous_commit')` })
              .from(sql`(values (1)) as one`);
            return row?.value;
          });
          expect(inTransaction).toBe(inForce);
        }
        // The settings end with the transaction: other clients of a pooler share the session.
        const [after] = await database.query<{ value: string }>(
          `select current_setting('synchronous_commit') as value`,
          [],
        );
        expect(after?.value).toBe(configured);
        await database.close();
      }
    } finally {
      await pooler?.stop();
      await created.stop();
    }
  });

  it("a revocation of a token or subject survives an immediate crash", {
    timeout: 60_000,
  }, async () => {
    // Only commits that wait for the disk write to it.
    const server: TestPostgres = await startPostgres({ synchronous_commit: "off", wal_writer_delay: "10s" });
    const database = openPostgres({ address: addressOf(server.url), maxConnections: 2, prepare: true });
    try {
      await database.migrate();
      const [revoked, deleted] = [tokenRecord(), tokenRecord({ subject: "user:bob" as TokenRecord["subject"] })];
      for (const record of [revoked, deleted]) await create(database, record);
      // Writes all earlier changes to the disk.
      await withClient(server.url, (client) => client`checkpoint`);
      await revoke(database, revoked);
      await createSubjectStore(database).change(deleted.subject, testTime, ({ generation }) => ({
        state: "DELETED",
        generation,
        event: testEvent(deleted),
        revocation: { ...revocation, reason: "SUBJECT_DELETED", eventOf: testEvent },
      }));
      // No revocation would wait for a replica whose registration was lost.
      const registration = { replicaId: randomUUID(), incarnation: randomUUID() };
      const revocations = createRevocationStore(database);
      await revocations.register(registration, 5_000);
      await revocations.renew(registration, 1);
      await server.kill();
      await server.start();
      const revoker = createTokenStore(database);
      await expect
        .poll(async () => (await revoker.get(revoked.id).catch(() => undefined))?.token.revocation?.by, {
          timeout: 20_000,
        })
        .toBe("service:test");
      expect((await revocations.leases()).rows).toMatchObject([{ ...registration, renewal: 1 }]);
      expect((await revoker.get(deleted.id))?.token.revocation).toBeDefined();
      expect((await createSubjectStore(database).get(deleted.subject)).state).toBe("DELETED");
    } finally {
      await database.close();
      await server.stop();
    }
  });
});

describe.skipIf(!havePostgres())("reads of many rows", () => {
  it("are not compiled, whatever they seem to cost", async () => {
    const created = await createTestDatabase();
    const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare: true });
    try {
      const jit = sql<string>`current_setting('jit')`;
      expect(await database.scan((orm) => evaluate(orm, jit))).toBe("off");
      expect(await database.scan((orm) => orm.transaction((scan) => evaluate(scan, jit)))).toBe("off");
      expect(await transact({ orm: database.patient }, (transaction) => evaluate(transaction, jit))).toBe("off");
    } finally {
      await database.close();
      await created.stop();
    }
  });
});

describe.skipIf(!havePostgres())("S5 locks of the dead", () => {
  let created: TestDatabase;
  let proxy: FaultProxy;
  let well: Database;
  beforeAll(async () => {
    created = await createTestDatabase();
    proxy = await startProxy(new URL(created.url).host);
    well = openPostgres({ address: addressOf(created.url), maxConnections: 5, prepare: true });
    await well.migrate();
  });
  afterAll(async () => {
    await proxy.close();
    await well.close();
    await created.stop();
  });

  /** Does `work` in a transaction and is killed before COMMIT. Resolves when it is. */
  async function lostAfter(
    work: (transaction: Transaction) => Promise<unknown>,
    patient: boolean,
  ): Promise<() => Promise<void>> {
    const dead = openPostgres({
      address: addressOf(through(created.url, proxy)),
      maxConnections: 1,
      prepare: true,
      statementMs: 60_000,
    });
    await new Promise<void>((resolve, reject) => {
      transact({ orm: patient ? dead.patient : dead.orm }, async (transaction) => {
        await work(transaction);
        resolve();
        await new Promise(() => undefined);
      }).catch(reject);
    });
    return () => dead.close();
  }

  it("are free within seconds when a migration is lost in the middle", { timeout: 60_000 }, async () => {
    const empty = await createTestDatabase();
    const [dead, next] = [through(empty.url, proxy), empty.url].map((url) =>
      openPostgres({ address: addressOf(url), maxConnections: 1, prepare: true }),
    );
    try {
      proxy.hold('CREATE TABLE "token"');
      const lost = dead?.migrate().catch(() => undefined);
      await expect.poll(() => proxy.holds(), { timeout: 10_000 }).toBe(true);
      await next?.migrate();
      expect(next && (await schemaIsCurrent(next))).toBe(true);
      proxy.heal();
      await lost;
    } finally {
      await Promise.all([dead?.close(), next?.close()]);
      await empty.stop();
    }
  });

  it.each(["stands still", "is cut off"])(
    "are free within seconds when a replica %s in the middle",
    { timeout: 60_000 },
    async (how) => {
      const [mine, others] = [tokenRecord(), tokenRecord()];
      for (const record of [mine, others]) await create(well, record);
      await createUsageStore(well).sweep();
      const signing = createSigningKeyStore(well);
      /** For each lock: a transaction that holds it, and a call that needs it. */
      const locks: readonly [hold: (transaction: Transaction) => Promise<unknown>, want: () => Promise<unknown>][] = [
        [
          (transaction) =>
            transaction.execute(sql`
              insert into revocation_epoch (one, epoch, nonce) values (1, 1, gen_random_uuid())
              on conflict (one) do update set nonce = excluded.nonce`),
          () => revoke(well, others),
        ],
        [
          (transaction) => transaction.execute(sql`select 1 from token where id = ${toUuid(mine.id)} for update`),
          () => revoke(well, mine),
        ],
        [
          (transaction) => transaction.execute(sql`select pg_advisory_xact_lock(1472665733)`),
          () => signing.change(() => undefined),
        ],
        [
          (transaction) => transaction.execute(sql`select 1 from usage_watermark for share`),
          () => guarded(async () => well.orm.execute(sql`update usage_watermark set open_from = open_from`)),
        ],
        [(transaction) => transaction.execute(sql`select pg_advisory_xact_lock(1472665730)`), () => well.migrate()],
      ];
      const closes = await Promise.all(locks.map(([hold], index) => lostAfter(hold, index === 1)));
      if (how === "is cut off") proxy.stall();
      try {
        const waits = locks.map(async ([, want]) => {
          const failures: unknown[] = [];
          // Each waits 1.5 s for a lock; lost clients keep theirs for up to 5 s.
          while (failures.length < 10) {
            const error: unknown = await want().then(
              () => undefined,
              (thrown: unknown) => thrown,
            );
            if (error === undefined) return failures;
            failures.push(error);
          }
          throw new Error("the lock of a dead replica is still held");
        });
        // Calls that wait meanwhile fail with an error that allows a retry.
        for (const failures of await Promise.all(waits)) {
          for (const error of failures) expect(error).toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
        }
      } finally {
        proxy.heal();
        await Promise.all(closes.map((close) => close()));
      }
    },
  );
});
