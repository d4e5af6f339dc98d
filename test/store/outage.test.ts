import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseTime, openPostgres } from "../../src/store/database.js";
import { DatabaseWatch } from "../../src/store/database-watch.js";
import { track } from "../kit/children.js";
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

  it("does not keep a process that closes the database in the middle of a statement that may take minutes", async () => {
    const script = `
      const { openPostgres } = await import(process.argv[1]);
      const database = openPostgres({ url: process.argv[2], maxConnections: 1, prepare: true });
      await database.patient.execute("select 1");
      console.log("connected");
      process.stdin.once("data", async () => {
        database.patient.execute("select 1").catch(() => console.log("given up"));
        setTimeout(() => database.close(), 100);
      });
      process.stdin.unref();`;
    const built = new URL("../../dist/store/database.js", import.meta.url).href;
    const args = ["--input-type=module", "-e", script, built, through(created.url, proxy)];
    const child = track(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }));
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await expect.poll(() => said, { timeout: 10_000 }).toBe("connected\n");
    proxy.stall();
    child.stdin.write("\n");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(said).toBe("connected\ngiven up\n");
    proxy.heal();
  });

  it("is told by the watch over the database, which says no more once it is stopped", async () => {
    const database = openPostgres({ url: through(created.url, proxy), maxConnections: 1, prepare: false });
    await database.migrate();
    const told: (string | undefined)[] = [];
    const watch = new DatabaseWatch({ database, now: () => new Date(), onLook: (problem) => told.push(problem) });
    await watch.start();
    expect(told).toEqual([undefined]);
    proxy.cut();
    await expect.poll(() => told.at(-1), { timeout: 10_000 }).toMatch(/did not answer/);
    proxy.heal();
    await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBeUndefined();
    proxy.hold("clock_timestamp");
    await expect.poll(() => proxy.holds(), { timeout: 10_000 }).toBe(true);
    const before = told.length;
    const stopped = watch.stop();
    proxy.release();
    await stopped;
    expect(told).toHaveLength(before);
    await database.close();
  });
});
