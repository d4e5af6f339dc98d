import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { auditEvent, auditPending } from "../../src/database/audit.js";
import type { Database } from "../../src/database/database.js";
import { deleteDeadTokens } from "../../src/database/dead-tokens.js";
import { createLeakStore, leakedToken } from "../../src/database/leak.js";
import { revocationEpoch } from "../../src/database/revocation.js";
import { createTokenStore } from "../../src/database/token.js";
import { token, tokenColumns } from "../../src/database/token-table.js";
import { toUuid } from "../../src/domain/ids.js";
import type { TokenRecord } from "../../src/domain/token.js";
import type { LeakChange, LeakStore } from "../../src/leaks/leak-store.js";
import { engines, type Opened } from "../kit/engines.js";
import { testEvent, testTime, tokenRecord } from "../kit/token.js";

const later = (seconds: number): Date => new Date(testTime.getTime() + seconds * 1_000);

describe.each(engines)("the leak store on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: LeakStore;
    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      store = createLeakStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [leakedToken, token, auditEvent, auditPending, revocationEpoch])
        await database.orm.delete(table);
    });

    const insert = async (over: Partial<TokenRecord> = {}): Promise<TokenRecord> => {
      const record = tokenRecord(over);
      await database.orm.insert(token).values(tokenColumns(record));
      return record;
    };
    const revocation = { time: testTime, by: "provider:github", reason: "LEAKED" as const };
    const change = (record: TokenRecord, over: Partial<LeakChange["leak"]> = {}): LeakChange => ({
      leak: { reporter: "github", url: "https://example.com/1", source: "commit", hint: "h", time: testTime, ...over },
      event: testEvent(record),
      revokes: true,
    });
    const report = (record: TokenRecord, decide: Parameters<LeakStore["report"]>[2]) =>
      store.report([record.id], revocation, decide);
    const epoch = async () => (await database.orm.select().from(revocationEpoch))[0]?.epoch ?? 0;
    const retryTime = (attemptsBefore: number): Date => later(60 * (attemptsBefore + 1));

    it("revokes the token, writes its event and notifies replicas: all or nothing", async () => {
      const record = await insert();
      const other = await insert();
      await expect(
        report(record, () => {
          throw new Error("second thoughts");
        }),
      ).rejects.toThrow("second thoughts");
      await report(record, () => undefined);
      expect([await epoch(), await database.orm.select().from(leakedToken)]).toEqual([0, []]);

      const seen: unknown[] = [];
      await report(record, (current, reportedBefore) => {
        seen.push(current, reportedBefore);
        return change(record);
      });
      expect(seen).toEqual([record, false]);
      const tokens = createTokenStore(database);
      expect((await tokens.get(record.id))?.token).toMatchObject({ revocation, revision: record.revision + 1 });
      expect((await tokens.get(other.id))?.token.revocation).toBeUndefined();
      expect(await epoch()).toBe(1);
      expect(await database.orm.select().from(auditEvent)).toHaveLength(1);
    });

    it("decides about each of many tokens, and raises one epoch for all", async () => {
      const [revoked, spared, left] = [await insert(), await insert(), await insert()];
      const records = [revoked, spared, left];
      const ids = records.map(({ id }) => id);
      await store.report([...ids, tokenRecord().id], revocation, (record) =>
        record.id === left.id ? undefined : { ...change(record), revokes: record.id === revoked.id },
      );
      const tokens = createTokenStore(database);
      const states = await Promise.all(ids.map(async (id) => (await tokens.get(id))?.token.revocation));
      expect(states).toEqual([revocation, undefined, undefined]);
      expect(await database.orm.select().from(leakedToken)).toHaveLength(2);
      expect((await database.orm.select().from(auditEvent)).map(({ tokenId }) => tokenId).sort()).toEqual(
        [revoked, spared].map(({ id }) => toUuid(id)).sort(),
      );
      expect(await epoch()).toBe(1);
    });

    it("does nothing about a token that is not there", async () => {
      await report(tokenRecord(), () => {
        throw new Error("must not be asked");
      });
    });

    it("leaves a token alive where nothing revokes it, and its etag as it was", async () => {
      const record = await insert();
      await report(record, () => ({ ...change(record), revokes: false }));
      expect((await createTokenStore(database).get(record.id))?.token).toMatchObject(record);
      expect(await epoch()).toBe(0);
      expect(await store.claim(testTime, retryTime)).toMatchObject({ id: record.id, revoked: false });
    });

    it("keeps the first of many reports, however close they come", async () => {
      const record = await insert();
      const before: boolean[] = [];
      await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          report(record, (_current, reportedBefore) => {
            before.push(reportedBefore);
            return change(record, { url: `https://example.com/${before.length}`, source: `report ${index}` });
          }),
        ),
      );
      expect(before).toEqual([false, true, true, true, true]);
      const rows = await database.orm.select().from(leakedToken);
      expect(rows.map(({ url }) => url)).toEqual(["https://example.com/1"]);
    });

    it("gives each leak to one of many callers, with all facts of the notification", async () => {
      const bound = { organization: "organization:acme" as NonNullable<TokenRecord["organization"]> };
      const records = [await insert(bound), await insert(), await insert()];
      for (const [index, record] of records.entries())
        await report(record, () => change(record, { time: later(index) }));
      expect(await store.claim(later(-1), retryTime)).toBeUndefined();
      const claimed = await Promise.all(Array.from({ length: 6 }, () => store.claim(later(5), retryTime)));
      const ids = claimed.flatMap((notice) => notice?.id ?? []);
      // A leak that another process has locked is skipped until the next look.
      const rest: string[] = [];
      for (let notice = await store.claim(later(5), retryTime); notice; notice = await store.claim(later(5), retryTime))
        rest.push(notice.id);
      expect([...ids, ...rest].sort()).toEqual(records.map(({ id }) => id).sort());
      const [first] = records;
      expect(claimed.find((notice) => notice?.id === first?.id)).toEqual({
        id: first?.id,
        kind: "pat",
        subject: "user:alice",
        organization: "organization:acme",
        name: "laptop",
        createdBy: "service:test",
        reporter: "github",
        url: "https://example.com/1",
        source: "commit",
        hint: "h",
        time: testTime,
        revoked: true,
      });
    });

    it("is due again at its retry time, until a notification was sent", async () => {
      const record = await insert();
      await report(record, () => change(record));
      const attempts: number[] = [];
      const claim = (now: Date) =>
        store.claim(now, (attemptsBefore) => {
          attempts.push(attemptsBefore);
          return retryTime(attemptsBefore);
        });
      expect(await claim(testTime)).toBeDefined();
      expect(await claim(later(59))).toBeUndefined();
      expect(await claim(later(60))).toBeDefined();
      expect(await claim(later(119))).toBeUndefined();
      expect(await claim(later(120))).toBeDefined();
      expect(attempts).toEqual([0, 1, 2]);
      await store.notified(record.id, later(121));
      expect(await claim(later(10_000))).toBeUndefined();
      // Nor by another report.
      await report(record, () => change(record));
      expect(await claim(later(10_000))).toBeUndefined();
    });

    it("is deleted with the token when the token ended long enough ago", async () => {
      const record = await insert();
      await report(record, () => change(record));
      expect(await deleteDeadTokens(database, later(1), 10)).toBe(1);
      expect(await database.orm.select().from(leakedToken)).toEqual([]);
      expect(await database.orm.select().from(token).where(eq(token.name, record.name))).toEqual([]);
    });
  });
});
