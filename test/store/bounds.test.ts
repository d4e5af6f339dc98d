import { randomBytes } from "node:crypto";
import { count, isNull, sql } from "drizzle-orm";
import ipaddr from "ipaddr.js";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { auditEvent, auditPending } from "../../src/database/audit.js";
import type { Database, Orm } from "../../src/database/database.js";
import { onlyRow } from "../../src/database/errors.js";
import { createPolicyStore, policy } from "../../src/database/policy.js";
import { createRevocationStore } from "../../src/database/revocation.js";
import { createSubjectStore } from "../../src/database/subject.js";
import { subject } from "../../src/database/subject-table.js";
import { createTokenStore } from "../../src/database/token.js";
import { secretColumns, token, tokenColumns, tokenSecret } from "../../src/database/token-table.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { noPolicy } from "../../src/domain/policy.js";
import type { TokenId, TokenRecord } from "../../src/domain/token.js";
import { updatePolicy } from "../../src/manage/policies.js";
import { engines, type Opened, onPostgres } from "../kit/engines.js";
import { havePostgres } from "../kit/postgres.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

const now = testTime;
const acme = "organization:acme" as SubjectName;
const revocation = { time: now, by: "service:test", reason: "ADMINISTRATIVE" } as const;
const many = 150;
let networks = 0;

/** Returns the object with a callback before each call of these methods. */
function watched<T extends object>(target: T, names: readonly string[], onUse: () => void): T {
  return new Proxy(target, {
    get(inner, name, receiver) {
      if (names.includes(String(name))) onUse();
      return Reflect.get(inner, name, receiver);
    },
  });
}

describe.each(engines)("work without a bound on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [tokenSecret, token, auditEvent, auditPending, subject, policy]) {
        await database.orm.delete(table);
      }
      const records = Array.from({ length: many }, () => tokenRecord({ organization: acme }));
      await database.orm.insert(token).values(records.map(tokenColumns));
      const secrets = records.map(({ id }) =>
        secretColumns(tokenColumns(tokenRecord({ id })).id, { ...secretRecord(), digest: randomBytes(32) }),
      );
      await database.orm.insert(tokenSecret).values(secrets);
    });

    const epoch = async () => (await createRevocationStore(database).changesSince(0)).epoch;
    const events = async () => onlyRow(await database.orm.select({ count: count() }).from(auditEvent)).count;
    const living = async () =>
      onlyRow(await database.orm.select({ count: count() }).from(token).where(isNull(token.revokedAt))).count;

    /** The most events that are made between two statements: making them delays all other calls. */
    function batches() {
      let longest = 0;
      let current = 0;
      const next = () => {
        current = 0;
      };
      const patient: Orm = new Proxy(database.patient, {
        get(orm, name, receiver) {
          if (name !== "transaction") return Reflect.get(orm, name, receiver);
          return (work: Parameters<Orm["transaction"]>[0]) =>
            orm.transaction((transaction) => work(watched(transaction, ["select", "update", "run"], next)));
        },
      });
      return {
        database: { ...database, patient },
        longest: () => longest,
        eventOf: (record: TokenRecord) => {
          longest = Math.max(longest, ++current);
          return testEvent(record);
        },
      };
    }

    it("S16 revokes any number of tokens in batches, in one transaction and one epoch", async () => {
      const { database: counted, eventOf, longest } = batches();
      const store = createTokenStore(counted);
      const before = await epoch();
      const refused = await store.revokeAll({ organization: acme }, revocation, { expected: many - 1 }, now, eventOf);
      expect(refused).toMatchObject({ count: many, done: false });
      expect([await living(), await events(), await epoch()]).toEqual([many, 0, before]);
      const done = await store.revokeAll({ organization: acme }, revocation, { expected: many }, now, eventOf);
      expect(done).toMatchObject({ count: many, done: true });
      expect(new Set(done.ids).size).toBe(many);
      expect(longest()).toBe(100);
      expect([await living(), await events(), await epoch()]).toEqual([0, many, before + 1]);
    });

    it("S16 revokes the tokens of a deleted subject in batches", async () => {
      const { database: counted, eventOf, longest } = batches();
      const before = await epoch();
      await createSubjectStore(counted).change(acme, now, () => ({
        state: "DELETED",
        generation: 1,
        event: testEvent(tokenRecord()),
        revocation: { ...revocation, eventOf },
      }));
      expect(longest()).toBe(100);
      expect([await living(), await events(), await epoch()]).toEqual([0, many + 1, before + 1]);
    });

    it("S16 undoes all batches when a later one fails", async () => {
      const before = await epoch();
      let made = 0;
      const failing = (record: TokenRecord) => {
        if (++made > 120) throw new Error("no event");
        return testEvent(record);
      };
      const revoking = createTokenStore(database).revokeAll({}, revocation, {}, now, failing);
      await expect(revoking).rejects.toThrow("no event");
      expect([await living(), await events(), await epoch()]).toEqual([many, 0, before]);
    });

    it("S16 lists tokens under two long policies with one comparison of the policies", async () => {
      const ranges = (network: number) => Array.from({ length: 100 }, (_, n) => `10.${network}.${n}.0/24`);
      const write = (scope: string, allowedCidrs: readonly string[]) =>
        createPolicyStore(database).change(scope, now, () => ({
          policy: { ...noPolicy, allowedCidrs },
          event: testEvent(tokenRecord()),
        }));
      // Each engine needs policies of its own, because comparisons are cached.
      const [deployment, own] = [++networks, ++networks];
      const both = [`10.${deployment}.7.0/25`];
      await write("user", ranges(deployment));
      await write(acme, [...ranges(own), ...both]);
      const store = createTokenStore(database);
      const parsed = vi.spyOn(ipaddr, "parseCIDR");
      try {
        const { tokens } = await store.list({ organization: acme }, { size: 30 }, now);
        expect(tokens.map(({ policy: { allowedCidrs } }) => allowedCidrs)).toEqual(Array(30).fill(both));
        expect(parsed).toHaveBeenCalledTimes(201);
        await store.get(tokens[0]?.token.id as TokenId); // 30 were listed
        expect(parsed).toHaveBeenCalledTimes(201);
      } finally {
        parsed.mockRestore();
      }
    });

    it("S16 counts nothing for a policy that does not change", async () => {
      let begun = 0;
      const scan: Database["scan"] = (read) =>
        database.scan((orm) =>
          read(
            watched(orm, ["select"], () => {
              begun++;
            }),
          ),
        );
      const options = {
        policies: createPolicyStore(database),
        store: createTokenStore({ ...database, scan }),
        // The rights of a caller who may do everything are not checked.
        rights: {} as Parameters<typeof updatePolicy>[0]["rights"],
        clock: { now: () => now },
        model: () => {
          throw new Error("no action is named");
        },
      };
      const caller = { kind: "service", name: "test", permissions: new Set(["policies"] as const) } as const;
      const update = (maxLifetimeMs: number, validateOnly = false) =>
        updatePolicy(options, caller, {
          scope: { kind: "organization", scope: acme },
          update: { maxLifetimeMs },
          etag: "",
          validateOnly,
        });
      // Tokens that never expire have no lifetime: the first limit blocks them all.
      expect((await update(1_000_000, true)).blocked.count).toBe(many);
      expect((await update(1_000_000)).blocked.count).toBe(many);
      expect(begun).toBe(2);
      expect((await update(1_000_000)).blocked.count).toBe(0);
      expect((await update(1_000_000, true)).blocked.count).toBe(0);
      expect(begun).toBe(2);
    });
  });
});

describe.skipIf(!havePostgres())("reads of many rows", () => {
  it("S16 take no connection from revocations, however many there are", async () => {
    const { database, url, close } = await onPostgres({ statementMs: 60_000 });
    const holder = postgres(url, { max: 1 });
    try {
      await database.migrate();
      await database.orm.insert(token).values(tokenColumns(tokenRecord()));
      await holder`select pg_advisory_lock(16)`;
      // drizzle sends a statement when it is awaited.
      const reads = Array.from({ length: 20 }, async () => {
        await database.scan(async (orm) => {
          await orm.execute(sql`select set_config('lock_timeout', '0', true)`);
          await orm.execute(sql`select pg_advisory_xact_lock_shared(16)`);
        });
      });
      const waiting = sql`datname = current_database() and wait_event_type = 'Lock'`;
      const reading = async () =>
        onlyRow(await database.orm.select({ count: count() }).from(sql`pg_stat_activity`).where(waiting)).count;
      await expect.poll(reading, { timeout: 30_000 }).toBe(2);
      expect(await createTokenStore(database).revokeAll({}, revocation, {}, now, testEvent)).toMatchObject({
        count: 1,
        done: true,
      });
      expect(await reading()).toBe(2);
      await holder`select pg_advisory_unlock(16)`;
      await Promise.all(reads);
    } finally {
      await holder.end();
      await close();
    }
  });
});
