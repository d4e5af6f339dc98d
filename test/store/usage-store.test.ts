import { randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, openPostgres } from "../../src/database/database.js";
import { createLastUseStore, lastUse, readLastUses } from "../../src/database/last-use.js";
import { createUsageStore, usage, usageBatch, usageId, usageWatermark } from "../../src/database/usage.js";
import type { ActionName, SubjectName } from "../../src/domain/identifier.js";
import { newSecretId, newTokenId, toUuid } from "../../src/domain/ids.js";
import type { LastUseStore, TokenUse } from "../../src/domain/last-use-store.js";
import type {
  UsageBatch,
  UsageCount,
  UsageDimension,
  UsageFilter,
  UsageQuery,
  UsageRow,
  UsageStore,
} from "../../src/usage/usage-store.js";
import { type Opened, onPglite, onPostgres, pooledPostgres } from "../kit/engines.js";
import { addressOf, havePostgres } from "../kit/postgres.js";

const hourMs = 3_600_000;
/** The hour that is open now, by the database's clock. A test that runs past its end would be off by one. */
const thisHour = Math.floor(Date.now() / hourMs) * hourMs;

const count = (over: Partial<UsageCount> = {}): UsageCount => ({
  tokenId: newTokenId(),
  subject: "user:alice" as SubjectName,
  organization: "",
  action: "viewer" as ActionName,
  reason: "ALLOWED",
  count: 1,
  units: 1,
  ...over,
});
const batch = (counts: readonly UsageCount[], over: Partial<UsageBatch> = {}): UsageBatch => ({
  hourMs: thisHour,
  counts,
  identified: [],
  ...over,
});

/** Hours are those of UTC, whatever the session's time zone: this one is 45 minutes off. */
async function inKathmandu(pooled: boolean): Promise<Opened> {
  const opened = await onPostgres({ pooled });
  const name = sql.identifier(new URL(opened.url).pathname.slice(1));
  await opened.database.orm.execute(sql`alter database ${name} set timezone = 'Asia/Kathmandu'`);
  await opened.database.close();
  // Applies to later sessions.
  const database = openPostgres({ address: addressOf(opened.url), maxConnections: 5, prepare: !pooled });
  return {
    database,
    async close() {
      await database.close();
      await opened.close();
    },
  };
}

/** `sessions`: how many transactions can run at the same time. */
const engines = [
  { name: "PostgreSQL", available: havePostgres(), sessions: 5, open: () => inKathmandu(false) },
  { ...pooledPostgres, sessions: 3, open: () => inKathmandu(true) },
  { name: "PGlite", available: true, sessions: 1, open: onPglite },
];

describe.each(engines)("on $name", ({ available, sessions, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: UsageStore;
    let lastUses: LastUseStore;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      store = createUsageStore(database);
      lastUses = createLastUseStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [usage, usageBatch, usageId, usageWatermark, lastUse]) await database.orm.delete(table);
    });

    async function query(over: Partial<UsageQuery> = {}, size = 1000): Promise<readonly UsageRow[]> {
      const asked: UsageQuery = { filter: {}, granularity: "TOTAL", groupBy: new Set(), ...over };
      const rows: UsageRow[] = [];
      for (let after: readonly string[] | undefined; ; ) {
        const page = await store.query(asked, { size, ...(after && { after }) });
        rows.push(...page.rows);
        after = page.next;
        if (!after) return rows;
        expect(page.rows).toHaveLength(size);
      }
    }
    async function total(filter: UsageFilter = {}): Promise<readonly [number, number] | undefined> {
      const [row] = await query({ filter });
      return row && [Number(row.count), Number(row.units)];
    }
    const moveWatermark = (time: Date) =>
      database.orm
        .insert(usageWatermark)
        .values({ one: 1, openFrom: time })
        .onConflictDoUpdate({ target: usageWatermark.one, set: { openFrom: time } });

    /** Sessions that wait for a lock. */
    async function waiting(): Promise<number | undefined> {
      const found = await database.patient
        .select({ count: sql<number>`count(*)::int` })
        .from(sql`pg_stat_activity`)
        .where(sql`datname = current_database() and wait_event_type = 'Lock'`);
      return found[0]?.count;
    }

    /** A promise that the test resolves by hand. */
    function latch(): { readonly open: () => void; readonly opened: Promise<void> } {
      let openIt = (): void => undefined;
      const isOpen = new Promise<void>((resolve) => {
        openIt = resolve;
      });
      return { open: openIt, opened: isOpen };
    }

    describe("the usage store", () => {
      it("US-1 adds a batch once, however often it is sent, and the next one after it", async () => {
        const [replica, other] = [randomUUID(), randomUUID()];
        const first = batch([count({ count: 3, units: 2 })]);
        await store.add(replica, 1, first);
        await store.add(replica, 1, first);
        await store.add(other, 1, first);
        expect(await total()).toEqual([6, 4]);
        await store.add(replica, 2, first);
        await store.add(replica, 1, first);
        expect(await total()).toEqual([9, 6]);
      });

      it("adds all of a batch or nothing, and takes it again after a failure", async () => {
        const broken = batch([count(), count({ action: null as unknown as ActionName })]); // which no column takes
        const replica = randomUUID();
        await expect(store.add(replica, 1, broken)).rejects.toThrow();
        expect(await total()).toBeUndefined();
        await store.add(replica, 1, batch([count()]));
        expect(await total()).toEqual([1, 1]);
      });

      it("takes batches of any size", async () => {
        const tokenId = newTokenId();
        const many = Array.from({ length: 2_345 }, (_, index) =>
          count(index % 2 === 0 ? {} : { tokenId, action: `action${index}` as ActionName }),
        );
        const identified = many.map((of, index) => ({ usageId: String(index), units: 2, of }));
        await store.add(randomUUID(), 1, batch(many, { identified }));
        await store.add(randomUUID(), 1, batch(many, { identified }));
        expect(await total()).toEqual([4_690, 4_690 + 2 * 2_345]);
      });

      it("US-4 is exact when processes write to the same rows at the same time, in any order", async () => {
        const kinds = Array.from({ length: 300 }, (_, index) => count({ action: `action${index % 7}` as ActionName }));
        const shuffled = () =>
          kinds
            .map((kind) => ({ kind, place: Math.random() }))
            .sort((a, b) => a.place - b.place)
            .map(({ kind }) => kind);
        await Promise.all(
          Array.from({ length: 4 }, async () => {
            const replica = randomUUID();
            for (let sequence = 1; sequence <= 6; sequence++) {
              const counts = shuffled();
              const identified = counts.map((of, index) => ({ usageId: `${sequence} ${index}`, units: 1, of }));
              // Batches with ids wait for each other's ids; batches without ids conflict in the counts.
              await store.add(replica, sequence, batch(counts, sequence === 1 ? { identified } : {}));
            }
          }),
        );
        // Four bill the same ids of the same subject: once each.
        expect(await total()).toEqual([7_200, 7_200 + 300]);
      });

      it("bills a usage id of a subject once in 24 hours, wherever and whenever it comes, and another's apart", async () => {
        const alice = count({ count: 5, units: 0 });
        const bob = count({ subject: "user:bob" as SubjectName, units: 0 });
        const under = (usageIds: readonly string[], of = alice) =>
          batch([of], { identified: usageIds.map((id) => ({ usageId: id, units: 3, of })) });
        await store.add(randomUUID(), 1, under(["a", "b"]));
        await store.add(randomUUID(), 1, under(["b", "ü 🛡️\0\ud800", ""]));
        expect(await total()).toEqual([10, 12]);
        // S29: the same request, whatever it names now.
        const editor = count({ action: "editor" as ActionName, units: 0 });
        await store.add(randomUUID(), 1, batch([editor], { identified: [{ usageId: "a", units: 500, of: editor }] }));
        expect(await total({ subject: alice.subject })).toEqual([11, 12]);
        await store.add(randomUUID(), 1, under(["a"], bob));
        expect(await total({ subject: bob.subject })).toEqual([1, 3]);
        await database.orm.update(usageId).set({ billedAt: sql`now() - interval '23 hours 59 minutes'` });
        await store.add(randomUUID(), 1, under(["a"]));
        expect(await total({ subject: alice.subject })).toEqual([16, 12]);
        await database.orm.update(usageId).set({ billedAt: sql`now() - interval '24 hours'` });
        await store.add(randomUUID(), 1, under(["a"]));
        await store.add(randomUUID(), 1, under(["a"]));
        expect(await total({ subject: alice.subject })).toEqual([26, 15]);
      });

      it("forgets usage ids after more than a day, and processes long after they ended", async () => {
        const of = count({ units: 0 });
        await store.add(randomUUID(), 1, batch([of], { identified: [{ usageId: "a", units: 1, of }] }));
        await store.sweep();
        expect(await database.orm.select().from(usageId)).toHaveLength(1);
        expect(await database.orm.select().from(usageBatch)).toHaveLength(1);
        await database.orm.update(usageId).set({ billedAt: sql`now() - interval '26 hours'` });
        await database.orm.update(usageBatch).set({ addedAt: sql`now() - interval '31 days'` });
        await store.sweep();
        expect(await database.orm.select().from(usageId)).toEqual([]);
        expect(await database.orm.select().from(usageBatch)).toEqual([]);
      });

      describe("hours", () => {
        const hours = async () =>
          (await query({ granularity: "HOUR" })).map(({ start, count: decisions, closed }) => [
            start?.getTime(),
            Number(decisions),
            closed,
          ]);
        /** The first that is open by the clock. */
        const firstOpen = () => Math.floor((Date.now() - 15 * 60_000) / hourMs) * hourMs;

        it("take what is written in time; later counts go to the first open one, and none to one that has not begun", async () => {
          await store.add(randomUUID(), 1, batch([count()], { hourMs: thisHour }));
          await store.add(randomUUID(), 1, batch([count({ count: 2 })], { hourMs: thisHour - 5 * hourMs }));
          await store.add(randomUUID(), 1, batch([count({ count: 4 })], { hourMs: thisHour + hourMs }));
          const expected = new Map<number, number>();
          for (const [hour, decisions] of [
            [thisHour, 5],
            [firstOpen(), 2],
          ] as const)
            expected.set(hour, (expected.get(hour) ?? 0) + decisions);
          expect(await hours()).toEqual(
            [...expected].sort(([a], [b]) => a - b).map(([hour, sum]) => [hour, sum, false]),
          );
        });

        it("never change once they are closed, whatever the clocks say", async () => {
          await store.add(randomUUID(), 1, batch([count()]));
          await moveWatermark(new Date(thisHour + hourMs));
          await store.add(randomUUID(), 1, batch([count({ count: 2 })]));
          // The watermark is ahead of the clock: it does not go back.
          await store.sweep();
          await store.add(randomUUID(), 1, batch([count({ count: 4 })]));
          expect(await hours()).toEqual([
            [thisHour, 1, true],
            [thisHour + hourMs, 6, false],
          ]);
        });

        it("are closed 15 minutes after their end", async () => {
          const past = new Date(firstOpen() - hourMs);
          await moveWatermark(past);
          await store.add(randomUUID(), 1, batch([count()]));
          await database.orm.update(usage).set({ hour: past });
          expect(await hours()).toEqual([[past.getTime(), 1, false]]);
          await store.sweep();
          expect(await hours()).toEqual([[past.getTime(), 1, true]]);
          expect(await database.orm.select().from(usageWatermark)).toEqual([
            { one: 1, openFrom: new Date(firstOpen()) },
          ]);
        });

        if (sessions > 3)
          it("are not closed over a batch that is being written", async () => {
            const slow = count();
            await store.add(randomUUID(), 1, batch([slow]));
            const [locked, release] = [latch(), latch()];
            const holder = database.orm.transaction(async (transaction) => {
              await transaction.select().from(usage).for("update");
              locked.open();
              await release.opened;
            });
            await locked.opened;
            const ended: string[] = [];
            const adding = store.add(randomUUID(), 1, batch([slow])).then(() => ended.push("added"));
            await expect.poll(waiting).toBe(1);
            const closing = moveWatermark(new Date(thisHour + hourMs)).then(() => ended.push("closed"));
            await expect.poll(waiting).toBe(2);
            expect(ended).toEqual([]);
            release.open();
            await Promise.all([holder, adding, closing]);
            expect(await hours()).toEqual([[thisHour, 2, true]]);
          });
      });

      describe("queries", () => {
        const tokens = { laptop: newTokenId(), ci: newTokenId(), acme: newTokenId() };
        const alice = "user:alice" as SubjectName;
        const acme = "organization:acme" as SubjectName;
        const day = Date.UTC(2026, 0, 10);
        const at = (hour: number) => new Date(day + hour * hourMs);
        const facts: readonly (readonly [number, UsageCount])[] = [
          [0, count({ tokenId: tokens.laptop, subject: alice, count: 1, units: 1 })],
          [0, count({ tokenId: tokens.laptop, subject: alice, count: 2, units: 0, reason: "NOT_PERMITTED" })],
          [23, count({ tokenId: tokens.ci, subject: alice, organization: acme, count: 4, units: 40 })],
          [24, count({ tokenId: tokens.acme, subject: acme, organization: acme, count: 8, units: 8 })],
          [
            24,
            count({
              tokenId: tokens.acme,
              subject: acme,
              organization: acme,
              count: 16,
              units: 0,
              action: "editor" as ActionName,
              reason: "POLICY",
            }),
          ],
          [50, count({ tokenId: tokens.laptop, subject: "user:alice2" as SubjectName, count: 32, units: 32 })],
        ];
        beforeEach(async () => {
          await database.orm.insert(usage).values(
            facts.map(([hour, row]) => ({
              ...row,
              hour: at(hour),
              tokenId: toUuid(row.tokenId),
              count: BigInt(row.count),
              units: BigInt(row.units),
            })),
          );
          await moveWatermark(at(25));
        });

        it("sum what passes the filters", async () => {
          const cases: readonly (readonly [UsageFilter, readonly [number, number] | undefined])[] = [
            [{}, [63, 81]],
            [{ tokenId: tokens.laptop }, [35, 33]],
            [{ subject: alice }, [7, 41]],
            [{ organization: acme }, [28, 48]],
            [{ subject: alice, organization: acme }, [4, 40]],
            [{ subjects: ["user:"] }, [39, 73]],
            [{ subjects: ["user:alice", "organization:acme"] }, [31, 49]],
            [{ subjects: [] }, undefined],
            [{ start: at(23) }, [60, 80]],
            [{ start: at(1), end: at(24) }, [4, 40]],
            [{ end: at(0) }, undefined],
          ];
          for (const [filter, expected] of cases) expect(await total(filter), JSON.stringify(filter)).toEqual(expected);
        });

        it("group by the requested dimensions, ordered by time and dimension, on pages of any size", async () => {
          const show = ({ start, end, count: decisions, units, closed, ...dimensions }: UsageRow) => [
            start && (start.getTime() - day) / hourMs,
            end && (end.getTime() - day) / hourMs,
            Object.values(dimensions).join(" "),
            Number(decisions),
            Number(units),
            closed,
          ];
          type Shown = readonly [number | undefined, number | undefined, string, number, number, boolean];
          const cases: readonly (readonly [
            UsageQuery["granularity"],
            readonly UsageDimension[],
            UsageFilter,
            readonly Shown[],
          ])[] = [
            ["TOTAL", [], {}, [[undefined, undefined, "", 63, 81, false]]],
            ["TOTAL", [], { start: at(0), end: at(25) }, [[0, 25, "", 31, 49, true]]],
            ["TOTAL", [], { end: at(26) }, [[undefined, 26, "", 31, 49, false]]],
            [
              "TOTAL",
              ["organization"],
              {},
              [
                [undefined, undefined, "", 35, 33, false],
                [undefined, undefined, "organization:acme", 28, 48, false],
              ],
            ],
            [
              "DAY",
              [],
              {},
              [
                [0, 24, "", 7, 41, true],
                [24, 48, "", 24, 8, false],
                [48, 72, "", 32, 32, false],
              ],
            ],
            [
              "DAY",
              ["subject"],
              { start: at(12), end: at(25) },
              [
                [12, 24, "user:alice", 4, 40, true],
                [24, 25, "organization:acme", 24, 8, true],
              ],
            ],
            [
              "HOUR",
              ["reason", "token"],
              {},
              [
                [0, 1, `${tokens.laptop} ALLOWED`, 1, 1, true],
                [0, 1, `${tokens.laptop} NOT_PERMITTED`, 2, 0, true],
                [23, 24, `${tokens.ci} ALLOWED`, 4, 40, true],
                [24, 25, `${tokens.acme} ALLOWED`, 8, 8, true],
                [24, 25, `${tokens.acme} POLICY`, 16, 0, true],
                [50, 51, `${tokens.laptop} ALLOWED`, 32, 32, false],
              ],
            ],
            [
              "TOTAL",
              ["action", "token", "organization", "subject", "reason"],
              { start: at(24), end: at(48) },
              [
                [24, 48, `${tokens.acme} organization:acme organization:acme editor POLICY`, 16, 0, false],
                [24, 48, `${tokens.acme} organization:acme organization:acme viewer ALLOWED`, 8, 8, false],
              ],
            ],
          ];
          for (const [granularity, groupBy, filter, expected] of cases) {
            for (const size of [1, 2, 1000]) {
              const rows = await query({ granularity, groupBy: new Set(groupBy), filter }, size);
              expect(rows.map(show), `${granularity} ${groupBy} in pages of ${size}`).toEqual(expected);
            }
          }
        });

        it("are exact beyond the range of a JavaScript number", async () => {
          await database.orm.update(usage).set({ count: sql`9007199254740993`, units: sql`9007199254740993` });
          const [row] = await query();
          expect([row?.count, row?.units]).toEqual([9007199254740993n * 6n, 9007199254740993n * 6n]);
        });
      });
    });

    describe("the last-use store", () => {
      const time = new Date("2026-03-01T12:00:00.123Z");
      const later = (seconds: number) => new Date(time.getTime() + seconds * 1000);
      const use = (over: Partial<TokenUse> = {}): TokenUse => ({
        tokenId: newTokenId(),
        secretId: newSecretId(),
        time,
        address: "192.0.2.1",
        ...over,
      });
      const read = async ({ tokenId, secretId }: TokenUse) => {
        const found = await readLastUses(database.orm, [tokenId, secretId]);
        return [found.get(tokenId), found.get(secretId)];
      };

      it("moves tokens and secrets on, never back", async () => {
        const first = use();
        expect(await read(first)).toEqual([undefined, undefined]);
        expect(await lastUses.move([first])).toEqual(new Set([first.secretId]));
        const seen = { time, address: "192.0.2.1" };
        expect(await read(first)).toEqual([seen, seen]);
        const second = { ...first, time: later(60), address: undefined };
        await lastUses.move([second]);
        expect(await lastUses.move([first])).toEqual(new Set([first.secretId]));
        expect(await read(first)).toEqual([
          { time: later(60), address: undefined },
          { time: later(60), address: undefined },
        ]);
      });

      it("keeps secrets of a token apart, and the later use for the token", async () => {
        const old = use({ time: later(2), address: "2001:db8::1" });
        const current = use({ tokenId: old.tokenId });
        await lastUses.move([old, current]);
        expect(await read(current)).toEqual([
          { time: later(2), address: "2001:db8::1" },
          { time, address: "192.0.2.1" },
        ]);
      });

      it("takes thousands at once, and from several processes", async () => {
        const uses = Array.from({ length: 2_100 }, () => use());
        const stored = await Promise.all([lastUses.move(uses), lastUses.move(uses.toReversed())]);
        const all = new Set(stored.flatMap((ids) => [...ids]));
        expect(all.size).toBe(2_100);
        expect(await database.orm.$count(lastUse)).toBe(4_200);
      });

      if (sessions > 1)
        it("LU-6 waits for no row that somebody else holds, and says which uses are not stored", async () => {
          const [held, free] = [use(), use()];
          await lastUses.move([held, free]);
          const [locked, release] = [latch(), latch()];
          const holder = database.orm.transaction(async (transaction) => {
            await transaction
              .select()
              .from(lastUse)
              .where(eq(lastUse.id, toUuid(held.tokenId)))
              .for("update");
            locked.open();
            await release.opened;
          });
          await locked.opened;
          const moved = [held, free].map((one) => ({ ...one, time: later(1) }));
          expect(await lastUses.move(moved)).toEqual(new Set([free.secretId]));
          release.open();
          await holder;
          expect((await read(held))[0]).toMatchObject({ time });
          expect(await lastUses.move(moved)).toEqual(new Set([held.secretId, free.secretId]));
          expect((await read(held))[0]).toMatchObject({ time: later(1) });
        });
    });
  });
});
