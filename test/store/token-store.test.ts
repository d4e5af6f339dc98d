import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, databaseTime } from "../../src/database/database.js";
import { schemaIsCurrent } from "../../src/database/migrations.js";
import { createPepperStore, pepperCheck } from "../../src/database/pepper.js";
import { tokenResidual } from "../../src/database/residual.js";
import { createTokenStore } from "../../src/database/token.js";
import { token, tokenColumns, tokenSecret } from "../../src/database/token-table.js";
import type { ActionName, ResourceName, SubjectName } from "../../src/domain/identifier.js";
import { newTokenId, toUuid } from "../../src/domain/ids.js";
import { blockedBy, noPolicy, type Policy } from "../../src/domain/policy.js";
import type { Revocation, TokenId, TokenRecord } from "../../src/domain/token.js";
import type { NewSecret, PepperStore, TokenFilter, TokenPosition, TokenStore } from "../../src/domain/token-store.js";
import { type Opened, onPglite, onPostgres, pooledPostgres } from "../kit/engines.js";
import { havePostgres } from "../kit/postgres.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

const now = testTime;
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

/** A name that a driver could mishandle. */
const record = (over: Partial<TokenRecord> = {}): TokenRecord =>
  tokenRecord({ name: 'it\'s a "name"; drop table token', grant: { kind: "rules", rules: [] }, ...over });

const secret = (over: Partial<NewSecret> = {}): NewSecret => ({ ...secretRecord(), digest: randomBytes(32), ...over });

const engines = [
  // Tests hold locks for as long as it takes.
  { name: "PostgreSQL", available: havePostgres(), open: () => onPostgres({ statementMs: 30_000 }) },
  { ...pooledPostgres, open: () => onPostgres({ pooled: true, statementMs: 30_000 }) },
  { name: "PGlite", available: true, open: onPglite },
];

describe.each(engines)("the token store on $name", ({ name, available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: TokenStore;
    let peppers: PepperStore;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      // The build packs a new embedded database with its migrations.
      expect(await schemaIsCurrent(database)).toBe(name === "PGlite");
      await Promise.all([database.migrate(), database.migrate()]);
      expect(await schemaIsCurrent(database)).toBe(true);
      store = createTokenStore(database);
      peppers = createPepperStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      await database.orm.delete(tokenSecret);
      await database.orm.delete(token);
      await database.orm.delete(pepperCheck);
    });

    const listAll = async (filter: TokenFilter, size: number): Promise<TokenId[]> => {
      const ids: TokenId[] = [];
      for (let after: TokenPosition | undefined; ; ) {
        const page = await store.list(filter, { size, ...(after && { after }) }, now);
        ids.push(...page.tokens.map((entry) => entry.token.id));
        if (!page.more) return ids;
        after = page.tokens.at(-1)?.position;
      }
    };

    const insert = (token: TokenRecord, newSecret: NewSecret) =>
      store.create(token, () => ({ token, secret: newSecret, event: testEvent(token) }));
    const revoke = (id: TokenId, revocation: Revocation) =>
      store.change(id, (current) =>
        current.token.revocation ? undefined : { facts: { revocation }, event: testEvent(current.token) },
      );

    it("S16 counts what a policy blocks by one statement, as the pure rules say", async () => {
      const day = 86_400_000;
      const lives = [undefined, later(1), later(86_400), new Date(later(86_400).getTime() + 1)];
      const written: { readonly token: TokenRecord; readonly secret: NewSecret }[] = [];
      for (const kind of ["pat", "oat"] as const)
        for (const grant of [{ kind: "full" }, { kind: "rules", rules: [] }] as const)
          for (const organization of [undefined, "organization:acme" as SubjectName])
            for (const expireTime of lives) {
              const made = { token: record({ kind, grant, organization, expireTime }), secret: secret() };
              await insert(made.token, made.secret);
              written.push(made);
            }
      let statements = 0;
      const counting: Database["scan"] = (read) =>
        database.scan((orm) =>
          read(
            new Proxy(orm, {
              get(target, name, receiver) {
                if (name === "select") statements++;
                return Reflect.get(target, name, receiver);
              },
            }),
          ),
        );
      // Only the connections for reads of many rows are used.
      const { countBlocked } = createTokenStore({ ...database, orm: {} as typeof database.orm, scan: counting });
      const policies: readonly Policy[] = [
        noPolicy,
        { ...noPolicy, blockAll: true },
        { ...noPolicy, requireExpiry: true },
        { ...noPolicy, maxLifetimeMs: day },
        { ...noPolicy, maxLifetimeMs: 1_000, forbidFull: true },
        { ...noPolicy, forbidFull: true },
        { ...noPolicy, requireOrganization: true },
      ];
      for (const before of policies)
        for (const after of policies) {
          const blocked = (policy: Policy, each: (typeof written)[number]) =>
            blockedBy(policy, each.token, each.secret).length > 0;
          const right = written.filter((each) => blocked(after, each) && !blocked(before, each));
          const newest = right
            .map((each) => each.token.id)
            .sort()
            .reverse()
            .slice(0, 3);
          statements = 0;
          expect(await countBlocked({}, { before, after }, { most: 3 }, now)).toEqual({ count: right.length, newest });
          expect(statements).toBe(1);
        }
    });

    it("returns the database's time", async () => {
      const before = Date.now();
      const told = (await databaseTime(database)).getTime();
      // Test and database share a machine.
      expect(told).toBeGreaterThanOrEqual(before - 1);
      expect(told).toBeLessThanOrEqual(Date.now() + 1);
    });

    it("returns a token as it was written, to the millisecond", async () => {
      const written = record({
        kind: "oat",
        subject: "organization:acme" as SubjectName,
        name: "übergrößenträger 🛡️",
        description: "two\nlines",
        grant: {
          kind: "rules",
          rules: [{ actions: ["viewer" as ActionName], resources: ["document:1" as ResourceName, "folder:*"] }],
        },
        allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"],
        metadata: { note: "a,{}\"'" },
        claims: { plan: "gold" },
        notBefore: later(1),
        expireTime: later(3600.456),
      });
      const { digest, ...shown } = secret();
      await insert(written, { ...shown, digest });
      expect((await store.get(written.id))?.token).toEqual({ ...written, secrets: [shown] });
      const full = record({ grant: { kind: "full" } });
      await insert(full, secret());
      expect((await store.get(full.id))?.token.grant).toEqual({ kind: "full" });
    });

    it("resolves many digests by one call, in order, unknown ones apart", async () => {
      const first = [record(), secret()] as const;
      const second = [record({ subject: "user:bob" as SubjectName }), secret()] as const;
      await insert(...first);
      await insert(...second);
      const found = await store.resolve([second[1].digest, randomBytes(32), first[1].digest, second[1].digest]);
      expect(found.tokens.map((entry) => entry?.id)).toEqual([second[0].id, undefined, first[0].id, second[0].id]);
      expect(found.tokens[0]?.secretId).toBe(second[1].id);
      expect(await store.resolve([randomBytes(32)])).toEqual({ tokens: [undefined], asOf: found.asOf });
      expect(JSON.stringify(found)).not.toContain("digest");
    });

    it("writes all of a token or nothing", async () => {
      const known = secret();
      await insert(record(), known);
      const refused = record();
      await expect(insert(refused, secret({ digest: known.digest }))).rejects.toThrow("token_secret_digest");
      expect(await store.get(refused.id)).toBeUndefined();
    });

    it("shows no stored data in the error of a defect", async () => {
      const refused = record({ name: "CANARY", notBefore: later(2), expireTime: later(1) });
      const error = await insert(refused, secret()).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(`${error} ${error instanceof Error ? error.stack : ""}`).not.toContain("CANARY");
    });

    it("keeps the first revocation when it is repeated, and changes no other token", async () => {
      const written = record();
      await insert(written, secret());
      const first = { by: "service:a", reason: "LEAKED", time: later(1) } as const;
      const outcomes = await Promise.all([
        revoke(written.id, first),
        revoke(written.id, first),
        revoke(written.id, first),
      ]);
      for (const outcome of outcomes) expect(outcome?.token.revocation).toEqual(first);
      const repeated = await revoke(written.id, { by: "service:b", reason: "REQUESTED", time: later(9) });
      expect(repeated?.token.revocation).toEqual(first);
      expect(await revoke(newTokenId(), first)).toBeUndefined();
    });

    it("lists everything once, newest first, however many there are and whatever is added meanwhile", async () => {
      const written = Array.from({ length: 1203 }, () => record());
      await database.orm.insert(token).values(written.map(tokenColumns));
      const expected = written.map(({ id }) => id).toReversed();
      const first = await store.list({}, { size: 500 }, now);
      await insert(record(), secret());
      const after = first.tokens.at(-1)?.position;
      const rest = after ? await store.list({}, { size: 1000, after }, now) : first;
      expect([...first.tokens, ...rest.tokens].map((entry) => entry.token.id)).toEqual(expected);
      expect([first.more, rest.more]).toEqual([true, false]);
    });

    it("filters by subject, maker, state, end and the subjects that a caller may see", async () => {
      const names = {
        plain: record(),
        ended: record({ expireTime: now }),
        ending: record({ expireTime: later(60) }),
        killed: record({ expireTime: now }),
        other: record({ subject: "user:alice2" as SubjectName, createdBy: "user:alice2" }),
        wild: record({ subject: "user_:alice" as SubjectName }),
        acme: record({ subject: "organization:acme" as SubjectName, kind: "oat" }),
      };
      for (const entry of Object.values(names)) await insert(entry, secret());
      await revoke(names.killed.id, { by: "service:a", reason: "REQUESTED", time: now });
      const cases: readonly [TokenFilter, readonly (keyof typeof names)[]][] = [
        [{ subject: "user:alice" as SubjectName }, ["plain", "ended", "ending", "killed"]],
        [{ createdBy: "user:alice2" }, ["other"]],
        [{ states: ["REVOKED"] }, ["killed"]],
        [{ states: ["EXPIRED"] }, ["ended"]],
        [{ states: ["ACTIVE"] }, ["plain", "ending", "other", "wild", "acme"]],
        [{ states: ["EXPIRED", "REVOKED"] }, ["ended", "killed"]],
        [{ expireBefore: later(1) }, ["ended", "killed"]],
        [{ subjects: ["organization:"] }, ["acme"]],
        [{ subjects: ["user:"], states: ["REVOKED"] }, ["killed"]],
        [{ subjects: ["user:alice2", "organization:acme"] }, ["other", "acme"]],
        [{ subjects: ["organization:acm"] }, []],
        [{ subjects: [] }, []],
      ];
      for (const [filter, expected] of cases) {
        const ids = expected.map((name) => names[name].id).toReversed();
        expect(await listAll(filter, 2), JSON.stringify(filter)).toEqual(ids);
      }
    });

    it("shows the current secret and the last six that were superseded, in this order", async () => {
      const written = record();
      // Its id is the oldest, as if its replica's clock was behind.
      const current = secret();
      await insert(written, current);
      const more = Array.from({ length: 8 }, () => secret());
      await database.orm.insert(tokenSecret).values(
        more.map((entry) => ({
          id: toUuid(entry.id),
          tokenId: toUuid(written.id),
          digest: entry.digest,
          pepperVersion: 1,
          hint: entry.hint,
          createdAt: entry.createTime,
          retiresAt: now,
        })),
      );
      const shown = (await store.get(written.id))?.token.secrets.map(({ id }) => id);
      const superseded = more.map(({ id }) => id).toReversed();
      expect(shown).toEqual([current.id, ...superseded.slice(0, 6)]);
    });

    it("records the last end of the JWTs that were issued, and nothing about refused ones", async () => {
      const written = record();
      await insert(written, secret());
      const handOut = (expireTime: Date) => store.handOut(written.id, ({ token: { id } }) => ({ expireTime, id }));
      expect(await store.residualOf({ ids: [written.id] }, now)).toBeUndefined();
      expect(await handOut(later(60))).toEqual({ expireTime: later(60), id: written.id });
      await Promise.all([later(90), later(30), later(61)].map(handOut));
      await expect(
        store.handOut(written.id, () => {
          throw new Error("refused");
        }),
      ).rejects.toThrow("refused");
      expect(await store.residualOf({ ids: [written.id] }, now)).toEqual(later(90));
      expect(await store.residualOf({ subject: written.subject }, later(89))).toEqual(later(90));
      expect(await store.residualOf({ subject: "user:bob" as SubjectName }, now)).toBeUndefined();
      expect(await store.residualOf({ ids: [written.id] }, later(90))).toBeUndefined();
      expect(await store.handOut(newTokenId(), () => ({ expireTime: now }))).toBeUndefined();
      await database.orm.delete(tokenSecret);
      await database.orm.delete(token);
      expect(await store.residualOf({ ids: [written.id] }, now)).toBeUndefined();
    });

    // The embedded database has one connection, where one always ends before the other begins, and the pooler too few
    // for three that wait.
    if (name === "PostgreSQL")
      describe("between exchange and revocation", () => {
        const revocation = { by: "service:a", reason: "REQUESTED" as const, time: now };
        const waiting = async () => {
          const [row] = await database.query<{ count: number }>(
            "select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
            [],
          );
          return row?.count;
        };

        it("sees the revocation that came first", async () => {
          const written = record();
          await insert(written, secret());
          let handedOut: Promise<unknown> | undefined;
          await database.orm.transaction(async (transaction) => {
            const one = eq(token.id, toUuid(written.id));
            const { revokedAt, revokedBy, revocationReason } = tokenColumns({ ...written, revocation });
            await transaction.update(token).set({ revokedAt, revokedBy, revocationReason }).where(one);
            handedOut = store.handOut(written.id, ({ token: { revocation: seen } }) => ({
              expireTime: later(60),
              seen,
            }));
            await expect.poll(waiting, { timeout: 20_000 }).toBe(1);
          });
          expect(await handedOut).toMatchObject({ seen: revocation });
        });

        it("makes a revocation wait that comes second, and find the time", async () => {
          const written = record();
          await insert(written, secret());
          const handOut = (expireTime: Date) => store.handOut(written.id, () => ({ expireTime }));
          await handOut(later(1));
          let both: Promise<readonly [unknown, Date | undefined]> | undefined;
          await database.orm.transaction(async (transaction) => {
            // A lock of this row stops the exchange in its last step.
            await transaction.select().from(tokenResidual).for("update");
            const handedOut = handOut(later(60));
            await expect.poll(waiting, { timeout: 20_000 }).toBe(1);
            const revoked = revoke(written.id, revocation).then(() => store.residualOf({ ids: [written.id] }, now));
            both = Promise.all([handedOut, revoked]);
            await expect.poll(waiting, { timeout: 20_000 }).toBe(2);
          });
          expect((await both)?.[1]).toEqual(later(60));
        });

        it("S17 does not take the wait of a change for the age of the secret", async () => {
          const written = record();
          const begin = performance.now();
          await insert(written, secret());
          let stored: number | undefined;
          let changed: Promise<unknown> | undefined;
          await database.orm.transaction(async (transaction) => {
            await transaction.select().from(token).for("update");
            changed = store.change(written.id, ({ secretStoredMs }) => {
              stored = secretStoredMs;
              return undefined;
            });
            await expect.poll(waiting, { timeout: 20_000 }).toBe(1);
            await transaction.execute(sql`select pg_sleep(1)`);
          });
          await changed;
          expect(stored).toBeGreaterThan(begin - 500);
        });
      });

    it("keeps a pepper's first check value and counts live secrets by pepper", async () => {
      await peppers.recordCheckValue(1, Buffer.alloc(32, 1));
      await peppers.recordCheckValue(1, Buffer.alloc(32, 2));
      expect([...(await peppers.checkValues())].map(([version, value]) => [version, value[0]])).toEqual([[1, 1]]);
      await insert(record(), secret());
      await insert(record({ expireTime: now }), secret());
      await insert(record({ expireTime: later(1) }), secret({ pepperVersion: 2 }));
      expect(Object.fromEntries(await peppers.countLiveSecrets(now))).toEqual({ 1: 1, 2: 1 });
    });
  });
});
