import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { migrationsFolder } from "../../src/database/migrations.js";
import { readInstant } from "../../src/database/session.js";
import { subject } from "../../src/database/subject-table.js";
import { createTokenStore } from "../../src/database/token.js";
import { token } from "../../src/database/token-table.js";
import { engines, type Opened } from "../kit/engines.js";
import { secretRecord, testEvent, tokenRecord } from "../kit/token.js";

/** Columns whose sums are read, as text. */
const anyNumber = ["usage.count", "usage.units"];

const outside = {
  "timestamp with time zone": ["infinity", "-infinity", "10000-01-01 00:00:00Z", "0001-12-31 23:59:59.999Z BC"],
  bigint: ["9007199254740993", "-9007199254740993"],
};
const inside = {
  "timestamp with time zone": ["0001-01-01 00:00:00Z", "9999-12-31 23:59:59.999Z"],
  bigint: ["9007199254740991", "0"],
};

interface Guarded {
  readonly place: string;
  readonly name: string;
  readonly type: keyof typeof outside;
  /** The text of its check; null when it has none. */
  readonly condition: string | null;
}

/** All columns of the migrated database whose type holds more than we can read. */
const columnsOf = async ({ query }: Database): Promise<readonly Guarded[]> =>
  query(
    `select c.table_name || '.' || c.column_name as place, c.column_name as name, c.data_type as type,
       (select pg_get_expr(k.conbin, k.conrelid) from pg_constraint k where k.conrelid = c.table_name::regclass
        and k.conname = c.table_name || '_' || c.column_name || '_range') as condition
     from information_schema.columns c
     where c.table_schema = 'public' and (c.data_type like 'timestamp%' or c.data_type = 'bigint')
     order by 1`,
    [],
  );

const withoutCheck = async (database: Database) =>
  (await columnsOf(database))
    .filter(({ place, condition }) => condition === null && !anyNumber.includes(place))
    .map(({ place }) => place);

describe.each(engines.filter(({ available }) => available))("on $name", ({ open }) => {
  let opened: Opened;
  let database: Database;
  beforeAll(async () => {
    opened = await open();
    database = opened.database;
    await database.migrate();
  });
  afterAll(() => opened.close());

  it("S24 no column takes a time or a number that we could not read again", async () => {
    expect(await withoutCheck(database)).toEqual([]);
    const columns = (await columnsOf(database)).filter(({ condition }) => condition !== null);
    expect(columns.filter(({ type }) => type === "timestamp with time zone").length).toBeGreaterThan(15);
    for (const { place, name, type, condition } of columns) {
      const admitted = async (value: string) => {
        const [row] = await database.query<{ admitted: boolean }>(
          `select ${condition} as admitted from (select '${value}'::${type} as ${name}) as row`,
          [],
        );
        return row?.admitted;
      };
      for (const value of outside[type]) expect(await admitted(value), `${place} ${value}`).toBe(false);
      for (const value of inside[type]) expect(await admitted(value), `${place} ${value}`).toBe(true);
    }
    await database.query("create table stray (at timestamp with time zone)", []);
    expect(await withoutCheck(database)).toEqual(["stray.at"]);
    await database.query("drop table stray", []);
  });

  it("S24 a row with an infinite time is refused", async () => {
    const record = tokenRecord();
    await createTokenStore(database).create(record, () => ({
      token: record,
      secret: { ...secretRecord(), digest: new Uint8Array(32) },
      event: testEvent(record),
    }));
    for (const time of ["infinity", "-infinity"]) {
      await expect(database.query(`update token set expires_at = '${time}'`, [])).rejects.toMatchObject({
        code: "23514",
      });
    }
    expect(await database.orm.select({ expiresAt: token.expiresAt }).from(token)).toEqual([{ expiresAt: null }]);
  });

  it.each(["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])(
    "S24 the first and the last time of an API are read as written in %s",
    async (zone) => {
      const times = ["0001-01-01T00:00:00.000Z", "0099-02-28T23:59:59.999Z", "9999-12-31T23:59:59.999Z"];
      const read = await database.orm.transaction(async (transaction) => {
        await transaction.execute(sql.raw(`set local time zone '${zone}'`));
        const names = times.map((time, n) => ({ name: `user:${n}`, time: new Date(time) }));
        await transaction.delete(subject);
        await transaction
          .insert(subject)
          .values(names.map(({ name, time }) => ({ name, state: "ACTIVE" as const, generation: 1, updatedAt: time })));
        return transaction.select({ time: subject.updatedAt }).from(subject).orderBy(subject.name);
      });
      expect(read.map(({ time }) => time.toISOString())).toEqual(times);
    },
  );
});

it("S24 a time whose offset has three digits is read", () => {
  expect(readInstant("2026-01-08 03:00:00+123").toISOString()).toBe("2026-01-03T00:00:00.000Z");
});

it("S24 a migration stops at a row that it cannot judge, and names the column", async () => {
  const database = await PGlite.create();
  const run = (name: string) => database.exec(readFileSync(join(migrationsFolder, `${name}.sql`), "utf8"));
  try {
    for (const name of ["0000_tokens", "0001_doors", "0002_who_had_a_hand", "0003_final_marks"]) await run(name);
    await database.exec(
      "insert into subject (name, state, generation, updated_at) values ('user:x', 'ACTIVE', 1, 'infinity')",
    );
    await expect(run("0004_finite_times")).rejects.toThrow(/"subject_updated_at_range" of relation "subject"/);
    const { rows } = await database.query("select isfinite(updated_at) as finite from subject");
    expect(rows).toEqual([{ finite: false }]);
    await database.exec("update subject set updated_at = now()");
    await run("0004_finite_times");
  } finally {
    await database.close();
  }
});
