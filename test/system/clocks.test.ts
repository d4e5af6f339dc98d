import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { track } from "../kit/children.js";
import { createClock, haveClock, noClock, type TestClock } from "../kit/clock.js";
import { havePostgres, noPostgres, startPostgres, type TestPostgres } from "../kit/postgres.js";

if (!haveClock()) process.stderr.write(`${noClock}\n`);
if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
const able = haveClock() && havePostgres();

const steps = [-3_600_000, -10_000, -800, 800, 10_000, 3_600_000];

describe.skipIf(!able)("the kit's clock", () => {
  let clock: TestClock;
  let database: TestPostgres;
  beforeAll(async () => {
    clock = createClock();
    database = await startPostgres({}, { clock });
  });
  afterAll(async () => {
    await database?.stop();
    clock?.remove();
  });

  it("moves the wall clock of a running process and leaves its monotonic clock alone", async () => {
    const script = `
      process.stdin.on("data", () => console.log(JSON.stringify({ wall: Date.now(), monotonic: performance.now() })));`;
    const child = track(
      spawn(process.execPath, ["-e", script], { env: clock.env, stdio: ["pipe", "pipe", "inherit"] }),
    );
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const read = async (): Promise<{ readonly wall: number; readonly monotonic: number }> => {
      child.stdin.write("\n");
      const { value } = await lines.next();
      return JSON.parse(value); // the script's line
    };
    await read();
    for (const ms of steps) {
      clock.reset();
      const monotonicFrom = performance.now();
      const before = await read();
      clock.step(ms);
      const from = Date.now();
      const after = await read();
      expect(after.wall - ms).toBeGreaterThanOrEqual(from - 1);
      expect(after.wall - ms).toBeLessThanOrEqual(Date.now() + 1);
      expect(after.monotonic).toBeGreaterThan(before.monotonic);
      expect(after.monotonic - before.monotonic).toBeLessThan(performance.now() - monotonicFrom + 1);
    }
    child.stdin.end();
  });

  it("moves the wall clock of a running PostgreSQL, in every session", async () => {
    const sql = postgres(database.url, { max: 1 });
    const read = async (): Promise<number> => {
      const [row] = await sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
      return Number(row?.["ms"]);
    };
    await read();
    for (const ms of steps) {
      clock.reset();
      clock.step(ms);
      const from = Date.now();
      const theirs = (await read()) - ms;
      expect(theirs).toBeGreaterThanOrEqual(from - 1);
      expect(theirs).toBeLessThanOrEqual(Date.now() + 1);
    }
    await sql.end();
  });
});
