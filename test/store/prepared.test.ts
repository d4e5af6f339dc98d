import { inArray } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { openPostgres } from "../../src/database/database.js";
import { subject } from "../../src/database/subject-table.js";
import { addressOf, createTestDatabase, havePostgres, noPostgres } from "../kit/postgres.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

describe.skipIf(!havePostgres())("statements of drizzle", () => {
  /**
   * How many of their statements PostgreSQL holds after lists of these lengths were asked for, twice each, also in a
   * transaction.
   */
  async function heldAfter(prepare: boolean, ...lengths: readonly number[]): Promise<number> {
    const created = await createTestDatabase();
    const database = openPostgres({ address: addressOf(created.url), maxConnections: 1, prepare });
    try {
      await database.migrate();
      const ask = (length: number, reader: Pick<typeof database.orm, "select">) =>
        reader
          .select()
          .from(subject)
          .where(inArray(subject.name, new Array<string>(length).fill("user:alice")));
      for (const length of lengths) {
        await ask(length, database.orm);
        await database.orm.transaction((transaction) => ask(length, transaction));
      }
      const [row] = await database.query<{ held: number }>(
        `select count(*)::int as held from pg_prepared_statements where statement like '%from "subject"%' and statement not like '%pg_prepared%'`,
        [],
      );
      return row?.held ?? Number.NaN;
    } finally {
      await database.close();
      await created.stop();
    }
  }

  it("are prepared once, in and out of transactions", async () => {
    expect(await heldAfter(true, 1, 2, 1)).toBe(2);
  });

  it("are not kept for long lists, or where a pooler does not allow them", async () => {
    expect(await heldAfter(true, 20, 21, 100)).toBe(1);
    expect(await heldAfter(false, 1)).toBe(0);
  });
});
