import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditFilter, AuditStore, KeptCheckpoint } from "../../src/audit/audit-store.js";
import { chainStart, verifyChain } from "../../src/audit/chain.js";
import { auditCheckpoint, auditEvent, auditPending, auditSeal, createAuditStore } from "../../src/database/audit.js";
import { transactChange } from "../../src/database/change.js";
import type { Database } from "../../src/database/database.js";
import {
  type AuditEvent,
  type AuditEventId,
  type AuditFacts,
  auditEventUuid,
  newAuditEvent,
} from "../../src/domain/audit-event.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { newTokenId } from "../../src/domain/ids.js";
import { type Opened, onPglite, onPostgres, pooledPostgres } from "../kit/engines.js";
import { havePostgres } from "../kit/postgres.js";
import { testTime } from "../kit/token.js";

const event = (over: Partial<AuditFacts> = {}): AuditEvent =>
  newAuditEvent({ time: testTime, actor: "service:shop", action: "token.created", ...over });
const later = (seconds: number): Date => new Date(testTime.getTime() + seconds * 1000);

/** `concurrent`: whether transactions can run at the same time. */
const engines = [
  { name: "PostgreSQL", available: havePostgres(), concurrent: true, open: () => onPostgres() },
  { ...pooledPostgres, concurrent: true, open: () => onPostgres({ pooled: true }) },
  { name: "PGlite", available: true, concurrent: false, open: onPglite },
];

describe.each(engines)("the audit store on $name", ({ available, concurrent, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: AuditStore;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      await database.migrate();
      store = createAuditStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [auditEvent, auditSeal, auditPending, auditCheckpoint]) await database.orm.delete(table);
    });

    const append = async (...events: readonly AuditEvent[]): Promise<void> => {
      for (const entry of events) await store.append(entry);
    };
    const readAll = () => store.readSealed(1, 10_000);
    const sealedIds = async () => (await readAll()).map((entry) => entry.event?.id);

    it("gives an event back as it was written, before and after it was sealed", async () => {
      const written = event({
        actor: "user:alice",
        subject: "organization:acme",
        tokenId: newTokenId(),
        organization: "organization:acme" as SubjectName,
        clientIp: "2001:db8::1",
        outcome: "refused",
        details: { "name.before": 'it\'s "ü" 🛡️\n\\', "": "", __proto: "x", z: "1", a: "2" },
      });
      const bare = event();
      await append(written, bare);
      const page = { entries: [bare, written].map((entry) => ({ event: entry, seal: undefined })), more: false };
      expect(await store.list({}, { size: 10 })).toEqual(page);
      expect(await store.sealNext(10)).toBe(2);
      const sealed = await readAll();
      expect(sealed.map((entry) => entry.event)).toEqual([written, bare]);
      const { entries } = await store.list({}, { size: 10 });
      expect(entries.map((entry) => entry.event)).toEqual([bare, written]);
      expect(entries.map((entry) => entry.seal?.hash)).toEqual([sealed[1]?.hash, sealed[0]?.hash]);
    });

    it("lists the events of an organization, and the newest of some actions", async () => {
      const acme = "organization:acme" as SubjectName;
      const [made, rotated, foreign, revoked] = [
        event({ organization: acme }),
        event({ organization: acme, action: "token.rotated" }),
        event({ organization: "organization:other" as SubjectName }),
        event({ action: "token.revoked" }),
      ];
      await append(made, rotated, foreign, revoked);
      const ids = async (filter: AuditFilter, size = 10, after?: AuditEventId) => {
        const { entries, more } = await store.list(filter, { size, ...(after && { after }) });
        return [entries.map((entry) => entry.event.id), more];
      };
      expect(await ids({ organization: acme })).toEqual([[rotated.id, made.id], false]);
      expect(await ids({ exceptAction: "token.created" })).toEqual([[revoked.id, rotated.id], false]);
      const actions = ["token.created", "token.revoked", "token.denied"] as const;
      expect(await ids({ actions })).toEqual([[revoked.id, foreign.id, made.id], false]);
      expect(await ids({ actions }, 2)).toEqual([[revoked.id, foreign.id], true]);
      expect(await ids({ actions }, 2, foreign.id)).toEqual([[made.id], false]);
      expect(await ids({ actions, organization: acme })).toEqual([[made.id], false]);
    });

    it("writes an event with its change or not at all", async () => {
      const refused = event();
      async function* events() {
        yield [refused];
        throw new Error("undone");
      }
      const change = transactChange(database, async () => ({ result: undefined, events: events(), touched: [] }));
      await expect(change).rejects.toThrow("undone");
      expect(await store.list({}, { size: 10 })).toEqual({ entries: [], more: false });
      expect(await store.sealNext(10)).toBe(0);
    });

    it("seals in batches a chain that verifies, and goes on where it ended", async () => {
      expect(await store.lastSeal()).toBeUndefined();
      expect(await store.sealNext(10)).toBe(0);
      await append(...Array.from({ length: 5 }, () => event({ details: { b: "1", a: "2" } })));
      expect([
        await store.sealNext(2),
        await store.sealNext(2),
        await store.sealNext(2),
        await store.sealNext(2),
      ]).toEqual([2, 2, 1, 0]);
      await append(event());
      await store.sealNext(10);
      const chain = await readAll();
      expect(chain.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(Buffer.from(chain[0]?.previousHash ?? [])).toEqual(Buffer.from(chainStart));
      const verdict = await verifyChain(chain);
      expect(verdict).toEqual({ ok: true, last: await store.lastSeal() });
      expect((await store.readSealed(3, 2)).map(({ position }) => position)).toEqual([3, 4]);
    });

    it("seals an event that becomes visible after newer ones", async () => {
      const [old, newer] = [event(), event()];
      await append(newer);
      await store.sealNext(10);
      await append(old);
      await store.sealNext(10);
      expect(await sealedIds()).toEqual([newer.id, old.id]);
      expect(await verifyChain(await readAll())).toMatchObject({ ok: true });
    });

    // PGlite has one connection, so no second transaction can be slow.
    if (concurrent)
      it("does not wait for a slow transaction, and does not lose it", async () => {
        const [slow, quick] = [event(), event()];
        let finish = (): void => undefined;
        let written = (): void => undefined;
        const inside = new Promise<void>((resolve) => {
          written = resolve;
        });
        const end = new Promise<void>((resolve) => {
          finish = resolve;
        });
        async function* events() {
          yield [slow];
          written();
          await end;
        }
        const running = transactChange(database, async () => ({ result: undefined, events: events(), touched: [] }));
        await inside;
        await append(quick);
        await store.sealNext(10);
        expect(await sealedIds()).toEqual([quick.id]);
        finish();
        await running;
        await store.sealNext(10);
        expect(await sealedIds()).toEqual([quick.id, slow.id]);
      });

    it("lets one at a time seal, and each event get one place, however many try", async () => {
      await append(...Array.from({ length: 40 }, () => event()));
      let sealed = 0;
      // At least one of three has the lock.
      for (let round = 0; sealed < 40 && round < 40; round++) {
        const counts = await Promise.all([store.sealNext(7), store.sealNext(7), store.sealNext(7)]);
        sealed += counts.reduce((sum, count) => sum + count, 0);
      }
      expect(new Set(await sealedIds()).size).toBe(40);
      expect(await verifyChain(await readAll())).toMatchObject({ ok: true, last: { position: 40 } });
    });

    it("filters by token, subject, actor, time and the subjects that a caller may see, newest first", async () => {
      const tokenId = newTokenId();
      const events = {
        first: event({ tokenId, subject: "user:alice" }),
        other: event({ subject: "user:alice2", actor: "user:alice" }),
        acme: event({ subject: "organization:acme", time: later(10) }),
        wild: event({ subject: "user_:alice", time: later(20) }),
        last: event({ tokenId, subject: "user:alice", time: later(30), actor: "system" }),
        none: event({ time: later(40) }),
      };
      await append(...Object.values(events));
      const cases: readonly [AuditFilter, readonly (keyof typeof events)[]][] = [
        [{}, ["first", "other", "acme", "wild", "last", "none"]],
        [{ tokenId }, ["first", "last"]],
        [{ subject: "user:alice" }, ["first", "last"]],
        [{ actor: "user:alice" }, ["other"]],
        [{ actor: "service:sho" }, []],
        [{ start: later(10), end: later(30) }, ["acme", "wild"]],
        [{ start: later(30) }, ["last", "none"]],
        [{ tokenId, end: later(30) }, ["first"]],
        [{ subjects: ["user:"] }, ["first", "other", "last"]],
        [{ subjects: ["organization:acme", "user:alice"], start: later(1) }, ["acme", "last"]],
        [{ subjects: [] }, []],
      ];
      for (const [filter, expected] of cases) {
        const found: AuditEventId[] = [];
        for (let after: AuditEventId | undefined; ; ) {
          const page = await store.list(filter, { size: 2, ...(after && { after }) });
          found.push(...page.entries.map((entry) => entry.event.id));
          if (!page.more) break;
          after = found.at(-1);
        }
        expect(found, JSON.stringify(filter)).toEqual(expected.map((name) => events[name].id).toReversed());
      }
    });

    it("reports a sealed event whose row was deleted as missing, and a changed event as it is now", async () => {
      const [gone, kept] = [event(), event()];
      await append(gone, kept);
      await store.sealNext(10);
      await database.orm
        .update(auditEvent)
        .set({ actor: "user:mallory" })
        .where(eq(auditEvent.id, auditEventUuid(kept.id)));
      expect(await verifyChain(await readAll())).toMatchObject({ ok: false, position: 2 });
      await database.orm.delete(auditEvent).where(eq(auditEvent.id, auditEventUuid(gone.id)));
      expect((await readAll()).map((entry) => entry.event?.actor)).toEqual([undefined, "user:mallory"]);
      expect(await verifyChain(await readAll())).toMatchObject({
        ok: false,
        position: 1,
        why: "its event was deleted",
      });
    });

    const kept = (position: number, seconds: number): KeptCheckpoint => ({
      position,
      time: later(seconds),
      statement: `of ${position}`,
    });
    const everything = 1_000;

    it("keeps one checkpoint an hour, and finds the first, the last before a time, and all", async () => {
      expect(await store.firstCheckpoint()).toBeUndefined();
      expect(await store.lastCheckpointBefore(later(1e6))).toBeUndefined();
      for (const checkpoint of [kept(3, 0), kept(5, 3_599), kept(5, 3_600), kept(8, 7_200)])
        await store.keepCheckpoint(checkpoint);
      // The chain has not grown for an hour, so this position already has a checkpoint.
      await store.keepCheckpoint({ ...kept(8, 10_800), statement: "another" });
      expect(await store.checkpointsBelow(everything, 10)).toEqual([kept(8, 7_200), kept(5, 3_600), kept(3, 0)]);
      expect(await store.checkpointsBelow(8, 1)).toEqual([kept(5, 3_600)]);
      expect(await store.firstCheckpoint()).toEqual(kept(3, 0));
      expect(await store.lastCheckpointBefore(later(7_200))).toEqual(kept(5, 3_600));
      expect(await store.lastCheckpointBefore(later(7_201))).toEqual(kept(8, 7_200));
      expect(await store.lastCheckpointBefore(later(0))).toBeUndefined();
    });

    it("replaces a checkpoint, unless it has changed meanwhile", async () => {
      await store.keepCheckpoint(kept(3, 0));
      await store.restate(kept(3, 0), "signed again");
      await store.restate(kept(3, 0), "too late");
      expect(await store.firstCheckpoint()).toEqual({ ...kept(3, 0), statement: "signed again" });
    });

    it("cuts at a checkpoint, which becomes the first: deletes the events up to it, in batches, with their seals", async () => {
      const events = Array.from({ length: 9 }, () => event());
      await append(...events);
      await store.sealNext(9);
      const whole = await readAll();
      for (const checkpoint of [kept(2, 0), kept(6, 3_600), kept(9, 7_200)]) await store.keepCheckpoint(checkpoint);
      await store.cut(6, "cut");
      expect(await store.checkpointsBelow(everything, 10)).toEqual([
        kept(9, 7_200),
        { ...kept(6, 3_600), statement: "cut" },
      ]);
      expect(await sealedIds()).toEqual(events.map(({ id }, index) => (index === 5 ? undefined : id)));
      expect([await store.deleteBefore(6, 3), await store.deleteBefore(6, 3), await store.deleteBefore(6, 3)]).toEqual([
        3, 2, 0,
      ]);
      expect(await readAll()).toEqual(
        whole.slice(5).map((entry, index) => (index === 0 ? { ...entry, event: undefined } : entry)),
      );
      expect(await store.findUnsealed(undefined, 10)).toEqual({ strangers: [], next: undefined });
      const { entries } = await store.list({}, { size: 10 });
      expect(entries.map((entry) => entry.event.id)).toEqual(
        events
          .slice(6)
          .map(({ id }) => id)
          .toReversed(),
      );
    });

    it("continues to seal at the same position after everything was cut", async () => {
      await append(event(), event());
      await store.sealNext(2);
      await store.keepCheckpoint(kept(2, 0));
      await store.cut(2, "cut");
      await store.deleteBefore(2, 10);
      const last = await store.lastSeal();
      expect(last?.position).toBe(2);
      await append(event());
      await store.sealNext(1);
      expect((await readAll()).at(-1)).toMatchObject({ position: 3, previousHash: last?.hash });
    });

    it("finds events that were inserted without being sealed, and only those", async () => {
      const [sealed, stranger, waiting] = [event(), event(), event()];
      await append(sealed);
      await store.sealNext(10);
      await append(stranger, waiting);
      await database.orm.delete(auditPending).where(eq(auditPending.eventId, auditEventUuid(stranger.id)));
      expect(await store.findUnsealed(undefined, 10)).toEqual({ strangers: [stranger.id], next: undefined });
      expect(await store.findUnsealed(undefined, 1)).toEqual({ strangers: [], next: sealed.id });
      expect(await store.findUnsealed(sealed.id, 1)).toEqual({ strangers: [stranger.id], next: stranger.id });
      expect(await store.findUnsealed(stranger.id, 10)).toEqual({ strangers: [], next: undefined });
    });
  });
});
