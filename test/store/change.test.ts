import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAuditStore } from "../../src/database/audit.js";
import * as changes from "../../src/database/change.js";
import { type Change, transactChange } from "../../src/database/change.js";
import type { Database } from "../../src/database/database.js";
import { createRevocationStore } from "../../src/database/revocation.js";
import { subject } from "../../src/database/subject-table.js";
import { newAuditEvent } from "../../src/domain/audit-event.js";
import type { Touched } from "../../src/revocation/revocation-store.js";
import { engines, type Opened } from "../kit/engines.js";
import { testTime } from "../kit/token.js";

const event = () => newAuditEvent({ time: testTime, actor: "service:shop", action: "subject.disabled" });
const alice: Touched = { kind: "subject", key: "user:alice" };
const row = { name: "user:alice", state: "DISABLED", generation: 1, updatedAt: testTime } as const;

describe.each(engines)("a change on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
    });
    afterAll(() => opened.close());
    beforeEach(() => database.orm.delete(subject));

    const rows = () => database.orm.select().from(subject);
    const trail = async () =>
      (await createAuditStore(database).list({}, { size: 1_000 })).entries.map((entry) => entry.event.id);
    const news = (after = 0) => createRevocationStore(database).changesSince(after);
    const insert = (transaction: changes.Transaction) => transaction.insert(subject).values(row);

    it("commits its rows, its events and what it touched together, in one epoch", async () => {
      const [before, first, second] = [await news(), event(), event()];
      const result = await transactChange(database, async (transaction) => {
        await insert(transaction);
        return { result: "done", events: [first, second], touched: [alice, { kind: "policy", key: "user" }] };
      });
      expect(result).toBe("done");
      expect(await rows()).toHaveLength(1);
      expect(await trail()).toEqual(expect.arrayContaining([first.id, second.id]));
      const after = await news(before.epoch);
      expect(after.epoch).toBe(before.epoch + 1);
      expect(after.changes.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
        "policy user",
        "subject user:alice",
      ]);
    });

    it.each<[string, Pick<Change<void>, "events" | "touched">]>([
      [
        "its events cannot be written",
        { events: [event(), { ...event(), outcome: "lost" as "ok" }], touched: [alice] },
      ],
      ["what it touched cannot be recorded", { events: [event()], touched: [{ ...alice, key: "\0" }] }],
    ])("is undone as a whole when %s", async (_, rest) => {
      const [{ epoch }, events] = [await news(), await trail()];
      const change = transactChange(database, async (transaction) => {
        await insert(transaction);
        return { result: undefined, ...rest };
      });
      await expect(change).rejects.toThrow();
      expect([(await news()).epoch, await trail(), await rows()]).toEqual([epoch, events, []]);
    });

    it("makes the batches of its events while they are written, and is undone when a later one fails", async () => {
      const [{ epoch }, events] = [await news(), await trail()];
      async function* batches(transaction: changes.Transaction) {
        yield [event()];
        await insert(transaction);
        yield [event(), event()];
        throw new Error("no third batch");
      }
      const change = transactChange(database, async (transaction) => ({
        result: undefined,
        events: batches(transaction),
        touched: [alice],
      }));
      await expect(change).rejects.toThrow("no third batch");
      expect([(await news()).epoch, await trail(), await rows()]).toEqual([epoch, events, []]);
    });

    it("that touches nothing raises no epoch", async () => {
      const [before, made] = [await news(), event()];
      await transactChange(database, async () => ({ result: undefined, events: [made], touched: [] }));
      expect(await news()).toEqual(before);
      expect(await trail()).toContain(made.id);
    });

    it("that touches more than 500 is recorded as one that touches everything", async () => {
      const { epoch } = await news();
      const touch = (count: number) => {
        const touched = Array.from({ length: count }, (_, n): Touched => ({ kind: "token", key: `tok_${n}` }));
        return transactChange(database, async () => ({ result: undefined, events: [], touched }));
      };
      await touch(500);
      await touch(501);
      const kinds = (await news(epoch)).changes.map((change) => `${change.epoch - epoch} ${change.kind}`);
      expect(kinds).toEqual([...Array(500).fill("1 token"), "2 everything"]);
    });
  });
});

describe("the code of database/", () => {
  const folder = new URL("../../src/database/", import.meta.url);
  const sources = readdirSync(folder)
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .map((file) => ({ file, text: readFileSync(new URL(file, folder), "utf8") }));
  const filesWith = (text: RegExp) => sources.filter((source) => text.test(source.text)).map(({ file }) => file);

  it("writes the audit trail and the epoch in change.ts alone", () => {
    expect(Object.keys(changes).sort()).toEqual(["transact", "transactChange"]);
    const inserts =
      /insert into (audit_event|audit_pending|revocation_epoch|revocation_change)\b|\.insert\((auditEvent|auditPending|revocationEpoch|revocationChange)\)/;
    expect(filesWith(inserts)).toEqual(["change.ts"]);
  });

  it("writes what a decision reads in files that commit by transactChange alone", () => {
    const writers = filesWith(
      /\.(insert|update|delete)\((token|tokenSecret|subject|policy)\)|(insert into|update|delete from) (token|token_secret|subject|policy)\b/,
    );
    expect(writers).toEqual(
      expect.arrayContaining(["token-changes.ts", "token-table.ts", "token-revocation.ts", "subject.ts", "policy.ts"]),
    );
    const otherCommits = filesWith(/\btransact\b|\.transaction\(|(orm|patient|scanning)\s*\.(insert|update|delete)\(/);
    expect(writers.filter((file) => otherCommits.includes(file))).toEqual([]);
  });

  it("cannot leave out the events of a change, or what it touched", () => {
    const empty = { result: undefined, events: [], touched: [] };
    const whole: Change<undefined> = empty;
    // @ts-expect-error: the events are required.
    const withoutEvents: Change<undefined> = { result: undefined, touched: [] };
    // @ts-expect-error: the names that replicas must drop are required.
    const withoutTouched: Change<undefined> = { result: undefined, events: [] };
    expect([whole, withoutEvents, withoutTouched]).toHaveLength(3);
  });
});
