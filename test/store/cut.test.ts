import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditEvent, auditPending } from "../../src/database/audit.js";
import { type Database, openPostgres } from "../../src/database/database.js";
import { createSubjectStore } from "../../src/database/subject.js";
import { subject } from "../../src/database/subject-table.js";
import { createTokenStore } from "../../src/database/token.js";
import { token, tokenSecret } from "../../src/database/token-table.js";
import { Failure } from "../../src/domain/errors.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import type { TokenRecord } from "../../src/domain/token.js";
import { addressOf, createTestDatabase, havePostgres, noPostgres, type TestDatabase } from "../kit/postgres.js";
import { type FaultProxy, startProxy } from "../kit/proxy.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

/** Cuts the connection right after a statement was sent: afterwards either all of a change is stored, or nothing. */
describe.skipIf(!havePostgres())("a connection cut between any two statements of a change", () => {
  let created: TestDatabase;
  let direct: Database;
  let proxy: FaultProxy;
  beforeAll(async () => {
    created = await createTestDatabase();
    direct = openPostgres({ address: addressOf(created.url), maxConnections: 2, prepare: true });
    await direct.migrate();
    proxy = await startProxy(new URL(created.url).host);
  });
  afterAll(async () => {
    await proxy.close();
    await direct.close();
    await created.stop();
  });

  const newSecret = () => ({ ...secretRecord(), digest: randomBytes(32) });
  const insert = (database: Database, record: TokenRecord) =>
    createTokenStore(database).create(record, () => ({ token: record, secret: newSecret(), event: testEvent(record) }));

  /** All rows that a change could have touched. */
  const dump = async () => {
    const rows = await Promise.all(
      [token, tokenSecret, subject, auditEvent, auditPending].map((table) => direct.orm.select().from(table)),
    );
    return JSON.stringify(rows, (_key, value) => (typeof value === "bigint" ? String(value) : value));
  };

  interface Change {
    readonly name: string;
    /** The texts of its statements in order; `commit` is the last. */
    readonly statements: readonly string[];
    run(through: Database, record: TokenRecord): Promise<unknown>;
    prepare?(record: TokenRecord): Promise<unknown>;
  }
  const audit = "insert into audit_event";
  const changes: readonly Change[] = [
    {
      name: "creating",
      statements: [
        "begin",
        'insert into "subject"',
        'insert into "token" ',
        'insert into "token_secret"',
        audit,
        "commit",
      ],
      run: (through, record) => insert(through, record),
    },
    {
      name: "rotating",
      statements: [
        "begin",
        "for update",
        'update "token_secret"',
        'insert into "token_secret"',
        "update token set",
        "commit",
      ],
      prepare: (record) => insert(direct, record),
      run: (through, record) =>
        createTokenStore(through).change(record.id, ({ token: current }) => ({
          newSecret: newSecret(),
          retire: current.secrets.map(({ id }) => ({ id, time: testTime, ended: true })),
          event: testEvent(record),
        })),
    },
    {
      name: "deleting a subject",
      statements: ["begin", 'insert into "subject"', 'update "subject"', audit, 'update "token" ', "commit"],
      prepare: (record) => insert(direct, record),
      run: (through, record) =>
        createSubjectStore(through).change(record.subject, testTime, ({ generation }) => ({
          state: "DELETED",
          generation,
          event: testEvent(record),
          revocation: { time: testTime, by: "service:test", reason: "SUBJECT_DELETED", eventOf: testEvent },
        })),
    },
  ];

  it.each(changes.flatMap((change) => change.statements.map((statement) => ({ ...change, statement }))))(
    "$name, cut after $statement: all or nothing",
    async ({ run, prepare, statement }) => {
      const record = tokenRecord({ subject: `user:${randomBytes(8).toString("hex")}` as SubjectName });
      await prepare?.(record);
      const before = await dump();
      const url = new URL(created.url);
      url.host = proxy.address;
      const through = openPostgres({ address: addressOf(url.href), maxConnections: 1, prepare: true });
      try {
        // The whole message: the first statement of each change names a setting that has the word in it.
        proxy.cutAfter(statement === "commit" ? "Q\0\0\0\vcommit\0" : statement);
        const failure = await run(through, record).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(Failure);
        const { reason } = failure as Failure;
        expect(reason).toBe(statement === "commit" ? "OUTCOME_UNKNOWN" : "DATABASE_UNAVAILABLE");
        proxy.heal();
        if (statement !== "commit") {
          // PostgreSQL notices the lost session when it next reads from it; until then its transaction is only
          // invisible.
          expect(await dump()).toBe(before);
        } else {
          await expect.poll(async () => (await dump()) !== before, { timeout: 10_000, interval: 50 }).toBe(true);
        }
        // After a repeat the change is stored, whether or not it was stored before.
        const repeated = await run(through, record).catch((error: unknown) => error);
        if (statement !== "commit") expect(repeated).not.toBeInstanceOf(Error);
        expect(await dump()).not.toBe(before);
      } finally {
        proxy.heal();
        await through.close();
      }
    },
  );
});
