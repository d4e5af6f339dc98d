import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { transact } from "../../src/database/change.js";
import type { Database } from "../../src/database/database.js";
import { guarded } from "../../src/database/errors.js";
import { engines, type Opened, onPostgres } from "../kit/engines.js";
import { havePostgres } from "../kit/postgres.js";

const prepared = async (database: Database): Promise<void> => {
  await database.orm.execute(sql`create table made (name text)`);
};
const make = (database: Database, name: string) =>
  transact(database, (transaction) => transaction.execute(sql`insert into made values (${name})`));
const made = (database: Database) =>
  guarded(() => database.orm.select({ name: sql<string>`name` }).from(sql`made order by name`));

describe.each(engines)("a caller of $name", ({ available, open }) => {
  let opened: Opened;
  beforeAll(async () => {
    if (!available) return;
    opened = await open();
    await prepared(opened.database);
  });
  afterAll(() => opened?.close());

  it.skipIf(!available)("S6 whose time is over begins no change, and one that has begun ends", async () => {
    const { database } = opened;
    for (const pool of ["orm", "patient"] as const) {
      const gone = database.forCaller(() => true);
      await expect(make({ ...gone, orm: gone[pool] }, "late")).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
      let isOver = false;
      const going = database.forCaller(() => isOver);
      await transact({ orm: going[pool] }, async (transaction) => {
        isOver = true;
        await transaction.execute(sql`insert into made values (${pool})`);
      });
    }
    expect(await made(database)).toEqual([{ name: "orm" }, { name: "patient" }]);
  });
});

describe.skipIf(!havePostgres())("a caller behind a full pool", () => {
  it("S6 whose time is over sends nothing more; other calls wait on, and statements that were sent continue", async () => {
    const { database, close } = await onPostgres({ maxConnections: 1, statementMs: 60_000 });
    await prepared(database);
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let isHeld: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    let isOver = false;
    const own = database.forCaller(() => isOver);
    // It has begun, for the same caller: it keeps its connection.
    const first = transact(own, async (transaction) => {
      isHeld();
      await held;
      await transaction.execute(sql`insert into made values ('first')`);
    });
    await begun;
    const late = [make(own, "late"), guarded(() => own.orm.execute(sql`insert into made values ('late read')`))];
    // Without a deadline a statement waits until a connection is free, and is sent then.
    const patient = make(database, "patient");
    isOver = true;
    // Before a connection is free.
    for (const waiting of late) await expect(waiting).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
    letGo();
    await Promise.all([first, patient]);
    expect(await made(database)).toEqual([{ name: "first" }, { name: "patient" }]);
    await close();
  });
});
