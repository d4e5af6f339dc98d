import { randomBytes } from "node:crypto";
import { eq, gt, lte, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditStore } from "../src/audit/audit-store.js";
import { chainStart, checkpointKey, seal, signCheckpoint, signStatement, verifyStatement } from "../src/audit/chain.js";
import { createRetention, type RetentionOptions } from "../src/audit/retention.js";
import { createSealer } from "../src/audit/sealer.js";
import { verifyAuditTrail } from "../src/audit/verify.js";
import { auditCheckpoint, auditEvent, auditPending, auditSeal, createAuditStore } from "../src/database/audit.js";
import type { Database } from "../src/database/database.js";
import { deleteDeadTokens } from "../src/database/dead-tokens.js";
import { lastUse } from "../src/database/last-use.js";
import { request } from "../src/database/request.js";
import { secretColumns, token, tokenColumns, tokenSecret } from "../src/database/token-table.js";
import { type AuditEvent, auditEventUuid, newAuditEvent } from "../src/domain/audit-event.js";
import { toUuid } from "../src/domain/ids.js";
import type { TokenRecord } from "../src/domain/token.js";
import { createLogger } from "../src/telemetry/log.js";
import { engines, type Opened } from "./kit/engines.js";
import { secretRecord, testTime, tokenRecord } from "./kit/token.js";

/**
 * Ten events, one an hour, each sealed and attested by the sealer; then a retention of one day, as time passes. Event
 * and position `n` are those of hour `n`.
 */

const hourMs = 3_600_000;
const hour = (n: number): Date => new Date(testTime.getTime() + n * hourMs);
const retentionMs = 24 * hourMs;

const keyOf = (fill: number) => checkpointKey(Buffer.alloc(32, fill));
const ours = keyOf(7);
const older = keyOf(8);
const strange = keyOf(9);

describe.each(engines)("the retention on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: AuditStore;
    let now: Date;
    let events: readonly AuditEvent[];
    /** By position. */
    let hashes: Readonly<Record<number, Uint8Array>>;
    /** Log lines of sealer and retention. */
    let lines: { readonly level: string; readonly msg: string; readonly cut?: string; readonly position?: number }[];

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      store = createAuditStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [auditEvent, auditSeal, auditPending, auditCheckpoint]) await database.orm.delete(table);
      for (const table of [request, lastUse, tokenSecret, token]) await database.orm.delete(table);
      lines = [];
    });
    async function happen(): Promise<void> {
      events = Array.from({ length: 10 }, (_, index) =>
        newAuditEvent({ time: hour(index + 1), actor: "service:shop", action: "token.created" }),
      );
      const sealer = sealerBy(ours);
      for (const event of events) {
        now = event.time;
        await store.append(event);
        await sealer.look();
      }
      hashes = Object.fromEntries((await store.readSealed(1, 100)).map(({ position, hash }) => [position, hash]));
      lines = [];
    }

    const log = createLogger({ destination: { write: (line) => lines.push(JSON.parse(line)) } });
    const sealerBy = (key: typeof ours) =>
      createSealer({ store, log, key, clock: { now: () => now }, looksPerCheckpoint: 1 });
    const retention = (over: Partial<RetentionOptions> = {}) =>
      createRetention({
        store,
        deleteDeadTokens: (before, limit) => deleteDeadTokens(database, before, limit),
        key: ours,
        keys: [ours],
        log,
        clock: { now: () => now },
        retentionMs,
        batch: 2,
        ...over,
      });
    /** Runs the retention when everything up to event `n` is older than the limit. */
    const lookAfter = (n: number, over: Partial<RetentionOptions> = {}) => {
      now = new Date(hour(n).getTime() + retentionMs + 1);
      return retention(over).look();
    };
    const verify = (keys = [ours], positions: readonly number[] = []) =>
      verifyAuditTrail({
        store,
        checkpoints: positions.map((position) => ({
          position,
          hash: hashes[position] ?? chainStart,
          time: hour(position),
        })),
        keys: () => keys,
        progress: () => undefined,
        pageSize: 3,
      });
    const seals = async () => (await store.readSealed(1, 100)).map(({ position }) => position);
    const idsLeft = async () => (await store.list({}, { size: 100 })).entries.map(({ event }) => event.id).toReversed();
    const ids = (from: number) => events.slice(from - 1).map(({ id }) => id);
    const everythingIsThere = async () => {
      expect(await seals()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect((await idsLeft()).length).toBeGreaterThanOrEqual(9);
    };

    describe("of events", () => {
      beforeEach(happen);

      it("deletes only older events; the rest still verifies, with checkpoints of any age", async () => {
        await lookAfter(4);
        expect(await idsLeft()).toEqual(ids(5));
        expect(await seals()).toEqual([4, 5, 6, 7, 8, 9, 10]);
        expect(await verify([ours], [2, 4, 7, 10])).toMatchObject({
          ok: true,
          last: { position: 10 },
          cut: { position: 4, time: now },
        });
        expect(lines.map(({ level, msg, position }) => [level, msg, position])).toEqual([
          ["info", "cut the audit trail: it now begins after this position", 4],
        ]);
        expect(verifyStatement([ours], lines[0]?.cut ?? "")).toMatchObject({ kind: "cut", position: 4, time: now });
      });

      it("cuts further as time passes, once each, until nothing is left, and the chain continues after that", async () => {
        await lookAfter(1);
        expect(await idsLeft()).toEqual(ids(2));
        await lookAfter(4);
        await lookAfter(4);
        expect(lines).toHaveLength(2);
        await lookAfter(7);
        expect(await idsLeft()).toEqual(ids(8));
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 7 } });
        await lookAfter(10);
        expect(await idsLeft()).toEqual([]);
        expect(await verify()).toMatchObject({ ok: true, last: { position: 10 }, cut: { position: 10 } });
        const next = newAuditEvent({ time: now, actor: "service:shop", action: "token.created" });
        await store.append(next);
        await sealerBy(ours).look();
        expect(await seals()).toEqual([10, 11]);
        expect(await verify([ours], [10])).toMatchObject({ ok: true, last: { position: 11 } });
      });

      it("deletes nothing that is younger, and nothing at all without a setting", async () => {
        await lookAfter(0.9);
        await lookAfter(1_000_000, { retentionMs: undefined });
        await everythingIsThere();
        expect(lines).toEqual([]);
      });

      it("continues after an interruption; until then the remaining rows do not harm verification", async () => {
        const broken = { ...store, deleteBefore: () => Promise.reject(new Error("gone")) };
        await lookAfter(6, { store: broken });
        expect(lines.map(({ level }) => level)).toEqual(["info", "warn"]);
        expect(await seals()).toHaveLength(10);
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 6 } });
        await lookAfter(6);
        expect(await seals()).toEqual([6, 7, 8, 9, 10]);
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 6 } });
      });

      it("ends between two transactions when it is stopped, with nothing cut that it had not verified", async () => {
        now = new Date(hour(9).getTime() + retentionMs + 1);
        const stop = new AbortController();
        const reading: Pick<AuditStore, "readSealed"> = {
          async readSealed(from, limit) {
            if (from > 3) stop.abort();
            return store.readSealed(from, limit);
          },
        };
        await retention({ store: { ...store, ...reading } }).look(stop.signal);
        await everythingIsThere();
        expect(lines).toEqual([]);
        const deleting: Pick<AuditStore, "deleteBefore"> = {
          async deleteBefore(position, limit) {
            stopLater.abort();
            return store.deleteBefore(position, limit);
          },
        };
        const stopLater = new AbortController();
        await retention({ store: { ...store, ...deleting } }).look(stopLater.signal);
        expect(await seals()).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 9 } });
      });

      it("may be at work in several processes at a time", async () => {
        now = new Date(hour(8).getTime() + retentionMs + 1);
        await Promise.all([retention().look(), retention().look(), retention().look()]);
        await retention().look();
        expect(lines.filter(({ level }) => level !== "info")).toEqual([]);
        expect(await idsLeft()).toEqual(ids(9));
        expect(await seals()).toEqual([8, 9, 10]);
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 8 } });
      });

      it("does not mistake a cut of another process between its reads for a forgery", async () => {
        now = new Date(hour(8).getTime() + retentionMs + 1);
        const overtaken: Pick<AuditStore, "lastCheckpointBefore"> = {
          async lastCheckpointBefore(before) {
            await retention().look();
            return store.lastCheckpointBefore(before);
          },
        };
        await retention({ store: { ...store, ...overtaken } }).look();
        expect(lines.filter(({ level }) => level !== "info")).toEqual([]);
        expect(await seals()).toEqual([8, 9, 10]);
        expect(await verify()).toMatchObject({ ok: true, cut: { position: 8 } });
      });

      it("begins again to verify when the chain is cut meanwhile", async () => {
        const told: string[] = [];
        let reads = 0;
        const cutMeanwhile: Pick<AuditStore, "readSealed"> = {
          async readSealed(from, limit) {
            if (++reads === 2) await lookAfter(8);
            return store.readSealed(from, limit);
          },
        };
        const verdict = await verifyAuditTrail({
          store: { ...store, ...cutMeanwhile },
          checkpoints: [],
          keys: () => [ours],
          progress: (text) => told.push(text),
          pageSize: 3,
        });
        expect(verdict).toMatchObject({ ok: true, cut: { position: 8 } });
        expect(told).toContain("the chain was cut meanwhile; starting again");
      });

      describe("T7 cuts nothing of a chain that was changed", () => {
        const uuidOf = (n: number): string => auditEventUuid((events[n - 1] as AuditEvent).id); // there are ten
        /** Rewrites the whole chain over other events, as anyone who can write to the database could. */
        async function writeAnew(change: (event: AuditEvent, n: number) => AuditEvent): Promise<void> {
          let hash = chainStart;
          for (const [index, event] of events.entries()) {
            const changed = change(event, index + 1);
            const previousHash = hash;
            hash = seal(previousHash, changed);
            await database.orm
              .update(auditEvent)
              .set({ at: changed.time, actor: changed.actor })
              .where(eq(auditEvent.id, uuidOf(index + 1)));
            await database.orm
              .update(auditSeal)
              .set({ previousHash, hash })
              .where(eq(auditSeal.position, index + 1));
          }
        }
        const mallory = (event: AuditEvent, n: number): AuditEvent =>
          n === 2 ? { ...event, actor: "user:mallory" } : event;

        it.each<[string, () => Promise<unknown>, string]>([
          [
            "its first event altered",
            () =>
              database.orm
                .update(auditEvent)
                .set({ actor: "user:mallory" })
                .where(eq(auditEvent.id, uuidOf(1))),
            "BROKEN",
          ],
          [
            "an event altered",
            () =>
              database.orm
                .update(auditEvent)
                .set({ actor: "user:mallory" })
                .where(eq(auditEvent.id, uuidOf(2))),
            "BROKEN",
          ],
          ["an event removed", () => database.orm.delete(auditEvent).where(eq(auditEvent.id, uuidOf(2))), "BROKEN"],
          ["an entry removed", () => database.orm.delete(auditSeal).where(eq(auditSeal.position, 2)), "BROKEN"],
          ["the beginning removed", () => database.orm.delete(auditSeal).where(lte(auditSeal.position, 2)), "BROKEN"],
          ["all of it written again", () => writeAnew(mallory), "BROKEN"],
          [
            "all of it written again, and made to look old",
            async () => {
              await writeAnew((event) => ({ ...event, time: hour(-1_000) }));
              await database.orm.update(auditCheckpoint).set({ at: hour(-1_000) });
            },
            "CHECKPOINT WAS CHANGED",
          ],
          [
            "a young checkpoint made to look old",
            () =>
              database.orm
                .update(auditCheckpoint)
                .set({ at: hour(1) })
                .where(eq(auditCheckpoint.position, 9)),
            "CHECKPOINT WAS CHANGED",
          ],
          [
            "a checkpoint at another place",
            () =>
              database.orm
                .update(auditCheckpoint)
                .set({ statement: sql`(select statement from audit_checkpoint where position = 3)` })
                .where(eq(auditCheckpoint.position, 4)),
            "CHECKPOINT WAS CHANGED",
          ],
          [
            "a checkpoint that somebody else signed",
            () =>
              database.orm
                .update(auditCheckpoint)
                .set({
                  statement: signCheckpoint(strange, { position: 4, hash: hashes[4] ?? chainStart, time: hour(4) }),
                })
                .where(eq(auditCheckpoint.position, 4)),
            "CHECKPOINT WAS CHANGED",
          ],
        ])("%s", async (_, tamper, message) => {
          await tamper();
          const before = [await seals(), await idsLeft()];
          await lookAfter(4);
          expect([await seals(), await idsLeft()]).toEqual(before);
          expect(lines.map(({ level, msg }) => [level, msg])).toEqual([["error", expect.stringContaining(message)]]);
        });

        it("as audit verify finds before the cut", async () => {
          await database.orm
            .update(auditEvent)
            .set({ actor: "user:mallory" })
            .where(eq(auditEvent.id, uuidOf(2)));
          expect(await verify()).toMatchObject({ ok: false, problem: expect.stringContaining("position 2") });
        });
      });

      it.each<[string, () => Promise<unknown>, string]>([
        [
          "an event altered",
          () =>
            database.orm
              .update(auditEvent)
              .set({ actor: "user:mallory" })
              .where(gt(auditEvent.at, hour(8))),
          "position 9: its event was changed",
        ],
        [
          "the next entries removed",
          () => database.orm.delete(auditSeal).where(lte(auditSeal.position, 6)),
          "position 4: the position is missing",
        ],
        ["more removed, up to a kept checkpoint", () => cutBy(7, undefined), "position 1: the position is missing"],
        [
          "more removed, and a cut forged",
          () => cutBy(7, signStatement(strange, statementOf(7))),
          "no pepper of this configuration signed the cut of the audit chain at position 7",
        ],
        [
          "more removed, and the old cut moved there",
          async () => cutBy(7, (await store.firstCheckpoint())?.statement),
          "no pepper of this configuration signed the cut of the audit chain at position 7",
        ],
        ["the cut forgotten", () => database.orm.delete(auditCheckpoint), "position 1: the position is missing"],
        [
          "the seal at the cut removed",
          () => database.orm.delete(auditSeal).where(eq(auditSeal.position, 4)),
          "position 4: the position is missing",
        ],
        [
          "the seal at the cut altered",
          () =>
            database.orm
              .update(auditSeal)
              .set({ hash: randomBytes(32) })
              .where(eq(auditSeal.position, 4)),
          "position 4: a checkpoint attests another hash",
        ],
      ])("T7 audit verify finds after a cut: %s", async (_, tamper, problem) => {
        await lookAfter(4);
        expect(await verify()).toMatchObject({ ok: true });
        await tamper();
        expect(await verify()).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
      });

      const statementOf = (position: number) =>
        ({ kind: "cut", position, hash: hashes[position] ?? chainStart, time: hour(position) }) as const;
      /**
       * Removes everything up to a position with any statement as its attestation, as an attacker with all rights on
       * the database would.
       */
      async function cutBy(position: number, statement: string | undefined): Promise<void> {
        const orm = database.orm;
        await orm.delete(auditEvent).where(lte(auditEvent.at, hour(position)));
        await orm.delete(auditSeal).where(lte(auditSeal.position, position - 1));
        await orm.delete(auditCheckpoint).where(lte(auditCheckpoint.position, position - 1));
        if (statement !== undefined)
          await orm.update(auditCheckpoint).set({ statement }).where(eq(auditCheckpoint.position, position));
      }

      it("signs everything that is kept again when another pepper is active, so that the old one can be retired", async () => {
        await lookAfter(2);
        await lookAfter(2, { key: older, keys: [older, ours] });
        const kept = await store.checkpointsBelow(1_000, 100);
        expect(kept.map(({ statement }) => verifyStatement([older], statement)?.position)).toEqual([
          10, 9, 8, 7, 6, 5, 4, 3, 2,
        ]);
        expect(await verify([older])).toMatchObject({ ok: true, cut: { position: 2 } });
        expect(await verify([ours])).toMatchObject({ ok: false });
        await lookAfter(5, { key: older, keys: [older] });
        expect(await idsLeft()).toEqual(ids(6));
        expect(await verify([older])).toMatchObject({ ok: true, cut: { position: 5 } });
      });
    });

    describe("of tokens", () => {
      const at = (n: number): Date => hour(n);
      const revoked = (n: number) => ({ revocation: { time: at(n), by: "user:alice", reason: "REQUESTED" as const } });
      const denied = (n: number) => ({
        approval: { state: "denied" as const, by: "user:bob", time: at(n), comment: "" },
      });
      /** Inserts a token with one secret for each end of a grace; undefined is a current secret. */
      async function insert(over: Partial<TokenRecord>, retireTimes: readonly (Date | undefined)[] = [undefined]) {
        const record = tokenRecord({ createTime: hour(-100), ...over });
        const id = toUuid(record.id);
        await database.orm.insert(token).values(tokenColumns(record));
        for (const retireTime of retireTimes) {
          const secret = { ...secretRecord({ retireTime }), digest: randomBytes(32) };
          await database.orm
            .insert(tokenSecret)
            .values({ ...secretColumns(id, secret), retiresAt: retireTime ?? null });
          await database.orm.insert(lastUse).values({ id: toUuid(secret.id), usedAt: hour(0), address: "192.0.2.1" });
        }
        await database.orm.insert(lastUse).values({ id, usedAt: hour(0), address: null });
        return record.id;
      }
      const count = async (table: typeof token | typeof tokenSecret | typeof lastUse | typeof request) =>
        (await database.orm.select().from(table)).length;

      /** The check is made when everything up to hour 5 is older than the retention. */
      it.each<[string, Partial<TokenRecord>, readonly (Date | undefined)[] | undefined, boolean]>([
        ["lives", {}, undefined, false],
        ["has expired long ago", { expireTime: at(5) }, undefined, true],
        ["has expired not so long ago", { expireTime: at(5.1) }, undefined, false],
        ["was revoked long ago and never expired", revoked(5), undefined, true],
        ["was revoked not so long ago", revoked(5.1), undefined, false],
        [
          "was revoked long ago and would have expired not so long ago",
          { ...revoked(1), expireTime: at(5.1) },
          undefined,
          false,
        ],
        ["was revoked not so long ago and expired long ago", { ...revoked(5.1), expireTime: at(1) }, undefined, false],
        ["was revoked and expired long ago", { ...revoked(3), expireTime: at(5) }, undefined, true],
        ["was denied long ago", denied(5), undefined, true],
        ["was denied not so long ago", denied(5.1), undefined, false],
        [
          "was approved long ago and lives",
          { approval: { state: "approved", by: "user:bob", time: at(1), comment: "" } },
          undefined,
          false,
        ],
        [
          "was suspended long ago",
          { suspension: { by: "user:bob", time: at(1), comment: "", rank: "holder" } },
          undefined,
          false,
        ],
        ["ended long ago, as did its secrets", revoked(1), [at(2), at(5), undefined], true],
        ["ended long ago, but one of its secrets did not", revoked(1), [at(2), at(5.1), undefined], false],
      ])("a token that %s", async (_, over, retireTimes, goes) => {
        await insert(over, retireTimes);
        await lookAfter(5);
        expect(await count(token)).toBe(goes ? 0 : 1);
        expect((await count(tokenSecret)) > 0).toBe(!goes);
        expect((await count(lastUse)) > 0).toBe(!goes);
      });

      it("S18 a token whose row shows an old end stays while the trail shows a younger change", async () => {
        const tokenId = await insert({ expireTime: new Date(0) });
        const changed = { time: at(5.1), actor: "user:alice", action: "token.updated", tokenId } as const;
        await store.append(newAuditEvent(changed));
        await lookAfter(5);
        expect(await count(token)).toBe(1);
        await lookAfter(6);
        expect(await count(token)).toBe(0);
      });

      it("are deleted in batches, all of them, with their dependent rows, and reported", async () => {
        const id = await insert(revoked(1));
        for (let more = 0; more < 4; more++) await insert({ expireTime: at(2) });
        await insert({});
        const made = { caller: "service:shop", requestId: "r", fingerprint: randomBytes(32), createdAt: hour(1) };
        await database.orm.insert(request).values({ ...made, tokenId: toUuid(id) });
        await lookAfter(5, { retentionMs: undefined });
        expect(await count(token)).toBe(6);
        await lookAfter(5);
        expect([await count(token), await count(tokenSecret), await count(lastUse), await count(request)]).toEqual([
          1, 1, 2, 0,
        ]);
        expect(lines.at(-1)).toMatchObject({ level: "info", tokens: 5 });
      });
    });
  });
});
