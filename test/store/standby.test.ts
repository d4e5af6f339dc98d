import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openPostgres } from "../../src/database/database.js";
import { createPolicyStore } from "../../src/database/policy.js";
import { verifySettings } from "../../src/database/settings.js";
import { createSubjectStore } from "../../src/database/subject.js";
import { createTokenStore } from "../../src/database/token.js";
import { DatabaseWatch } from "../../src/database/watch.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { noPolicy } from "../../src/domain/policy.js";
import {
  addressOf,
  havePostgres,
  noPostgres,
  standbyFirst,
  startPostgres,
  type TestPostgres,
} from "../kit/postgres.js";
import { runPatwarden, startServer } from "../kit/server.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

const acme = "organization:acme" as SubjectName;
const refusal = /in_hot_standby is on and must be off.*target_session_attrs=read-write/;
const unavailable = { reason: "DATABASE_UNAVAILABLE" };

describe.skipIf(!havePostgres())("S9 a standby that lags behind", () => {
  let primary: TestPostgres;
  let standby: TestPostgres;
  let writing: Database;
  let lagging: Database;
  const digest = randomBytes(32);
  const record = tokenRecord();
  const open = (url: string) => openPostgres({ address: addressOf(url), maxConnections: 2, prepare: true });

  beforeAll(async () => {
    primary = await startPostgres();
    writing = open(primary.url);
    await writing.migrate();
    standby = await startPostgres({}, { standbyOf: primary.url });
    lagging = open(standby.url);
    await lagging.query("select pg_wal_replay_pause()", []);
    // A row that the standby does not have yet.
    const secret = { ...secretRecord(), digest };
    await createTokenStore(writing).create(record, () => ({ token: record, secret, event: testEvent(record) }));
    await createPolicyStore(writing).change(acme, testTime, () => ({
      policy: { ...noPolicy, blockAll: true },
      event: testEvent(record),
    }));
  });
  afterAll(async () => {
    await Promise.all([writing?.close(), lagging?.close()]);
    await standby?.stop();
    await primary?.stop();
  });

  it("is never trusted for an absent row", async () => {
    const tokens = createTokenStore(lagging);
    await expect(tokens.findByDigest([digest])).rejects.toMatchObject(unavailable);
    await expect(tokens.resolve([digest])).rejects.toMatchObject(unavailable);
    await expect(tokens.get(record.id)).rejects.toMatchObject(unavailable);
    await expect(createPolicyStore(lagging).get(acme)).rejects.toMatchObject(unavailable);
    await expect(createSubjectStore(lagging).get(record.subject)).rejects.toMatchObject(unavailable);
    expect(await createTokenStore(writing).findByDigest([digest])).toBe(record.id);
    expect(await createTokenStore(writing).findByDigest([randomBytes(32)])).toBeUndefined();
    expect((await createTokenStore(writing).get(record.id))?.token.id).toBe(record.id);
    expect((await createPolicyStore(writing).get(acme)).policy.blockAll).toBe(true);
  });

  it("is refused, by the watch too, and the error says what to do", async () => {
    await expect(verifySettings(lagging)).rejects.toThrow(refusal);
    const told: (string | undefined)[] = [];
    const watch = new DatabaseWatch({
      database: lagging,
      wallMs: Date.now,
      onLook: (problem) => told.push(problem),
      onClock: () => undefined,
    });
    await watch.start();
    expect(told).toEqual([expect.stringMatching(refusal)]);
    await watch.stop();
  });

  it("ends `migrate` and `serve` at their start", async () => {
    const env = { PATWARDEN_DATABASE_URL: standby.url };
    const migrate = runPatwarden(["migrate"], { env, cwd: mkdtempSync(join(tmpdir(), "patwarden-test-")) });
    expect(await migrate.exited).toBe(1);
    expect(migrate.log()).toMatch(refusal);
    const id = "01JYX4M1Z3S9Q0V7W8KXN2T5RB";
    const openfga = { addresses: ["127.0.0.1:1"], apiKey: "key", storeId: id, modelId: id };
    await expect(startServer({ databaseUrl: standby.url, openfga })).rejects.toThrow(refusal);
  });

  it.each(["read-write", "primary"])("is passed over with target_session_attrs=%s", async (attributes) => {
    const database = open(`${standbyFirst(standby.url, primary.url)}?target_session_attrs=${attributes}`);
    try {
      for (let n = 0; n < 3; n++)
        expect(await database.query("select pg_is_in_recovery() as standby", [])).toEqual([{ standby: false }]);
      await verifySettings(database);
    } finally {
      await database.close();
    }
  });
});
