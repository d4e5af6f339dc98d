import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { transact } from "../../src/database/change.js";
import { databaseTime, openPostgres } from "../../src/database/database.js";
import { guarded } from "../../src/database/errors.js";
import { DatabaseWatch } from "../../src/database/watch.js";
import { createAuthority, loopback } from "../kit/authority.js";
import { track } from "../kit/children.js";
import {
  addressOf,
  createTestDatabase,
  havePostgres,
  noPostgres,
  overTls,
  startPostgres,
  type TestDatabase,
} from "../kit/postgres.js";
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

  // A pause that grows with every failure soon reaches 20 s.
  it("is over for the first statement after it, however many have failed", async () => {
    const database = openPostgres({
      address: addressOf(through(created.url, proxy)),
      maxConnections: 1,
      prepare: true,
    });
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
      const { parseDatabaseUrl } = await import(new URL("../config/database-url.js", process.argv[1]).href);
      const address = parseDatabaseUrl(process.argv[2]).value;
      const database = openPostgres({ address, maxConnections: 1, prepare: true });
      await database.patient.execute("select 1");
      console.log("connected");
      process.stdin.once("data", async () => {
        database.patient.execute("select 1").catch(() => console.log("given up"));
        setTimeout(() => database.close(), 100);
      });
      process.stdin.unref();`;
    const built = new URL("../../dist/database/database.js", import.meta.url).href;
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

  // Over TLS the protocol cannot be read at the socket, and the socket's own time-out has only one user.
  it.each([
    ["S7", false],
    ["S6", true],
  ])(
    "%s is over within the limit of a statement when a database that has rested falls silent; over TLS: %s",
    async (_, tls) => {
      const authority = createAuthority();
      const server = await startPostgres({}, { identity: authority.issue(loopback, "server") });
      const silent = await startProxy(new URL(server.url).host);
      const url = through(server.url, silent);
      const database = openPostgres({
        address: addressOf(tls ? overTls(url) : url),
        maxConnections: 2,
        prepare: true,
        statementMs: 400,
      });
      const uses = {
        orm: () => databaseTime(database),
        query: () => guarded(() => database.query("select 1", [])),
        urgent: () => guarded(() => database.urgent("select 1", [])),
        transaction: () => transact(database, (transaction) => transaction.execute("select 1")),
      };
      const all = () => Promise.allSettled(Object.values(uses).map((use) => use()));
      const statuses = (results: readonly PromiseSettledResult<unknown>[]) => results.map(({ status }) => status);
      try {
        for (let round = 0; round < 2; round++) {
          await expect.poll(async () => statuses(await all()), { timeout: 10_000 }).not.toContain("rejected");
          await sleep(600);
          silent.stall();
          for (const result of await all())
            expect(result).toMatchObject({ status: "rejected", reason: { reason: "DATABASE_UNAVAILABLE" } });
          // A new connection gets no greeting, and more statements wait than there are connections.
          for (const result of [...(await all()), ...(await all())])
            expect(result).toMatchObject({ status: "rejected", reason: { reason: "DATABASE_UNAVAILABLE" } });
          silent.heal();
        }
      } finally {
        await database.close();
        await silent.close();
        await server.stop();
        authority.remove();
      }
    },
  );

  it("S6 is reported by the database watch even where a statement may take minutes", {
    timeout: 60_000,
  }, async () => {
    const url = through(created.url, proxy);
    const database = openPostgres({ address: addressOf(url), maxConnections: 1, prepare: false, statementMs: 600_000 });
    await database.migrate();
    const told: (string | undefined)[] = [];
    const onLook = (problem: string | undefined): unknown => told.push(problem);
    const watch = new DatabaseWatch({ database, wallMs: Date.now, onLook, onClock: () => undefined });
    await watch.start();
    expect(told).toEqual([undefined]);
    proxy.stall();
    await expect.poll(() => told.at(-1), { timeout: 20_000 }).toMatch(/did not answer for five seconds/);
    proxy.heal();
    await expect.poll(() => told.at(-1), { timeout: 20_000 }).toBeUndefined();
    await watch.stop();
    await database.close();
  });

  it("is reported by the database watch, which reports nothing after it was stopped", async () => {
    const database = openPostgres({
      address: addressOf(through(created.url, proxy)),
      maxConnections: 1,
      prepare: false,
    });
    await database.migrate();
    const told: (string | undefined)[] = [];
    const onLook = (problem: string | undefined): unknown => told.push(problem);
    const watch = new DatabaseWatch({ database, wallMs: Date.now, onLook, onClock: () => undefined });
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
