import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseTime, openPostgres } from "../../src/store/database.js";
import { createTestDatabase, havePostgres, noPostgres, type TestDatabase } from "../kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../kit/proxy.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

describe.skipIf(!havePostgres())("an outage of the database", () => {
  let created: TestDatabase;
  let proxy: FaultProxy;
  beforeAll(async () => {
    created = await createTestDatabase();
    proxy = await startProxy(new URL(created.url).host);
  });
  afterAll(async () => {
    await proxy.close();
    await created.stop();
  });

  // A pause that grows with every failure takes 20 s each soon.
  it("is over for the first statement after it, however many have failed", async () => {
    const database = openPostgres({ url: through(created.url, proxy), maxConnections: 1, prepare: true });
    await databaseTime(database);
    proxy.cut();
    for (let failures = 0; failures < 15; failures++) {
      await expect(databaseTime(database)).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
    }
    proxy.heal();
    expect(await databaseTime(database)).toBeInstanceOf(Date);
    await database.close();
  });
});
