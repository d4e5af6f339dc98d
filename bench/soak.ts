// Runs three replicas over one PostgreSQL and one OpenFGA, both by TLS, under mixed load, with rolling restarts and
// faults of every kind. SOAK_MINUTES is the time for which they are watched, 10 by default; SOAK_ENGINE the gRPC engine
// of both their sides. Exits with 1 at any wrong or lost answer, any failure that a caller may not retry, and any
// growth. See README.md.
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { grpcEngines } from "../src/domain/grpc-engine.js";
import { createAuthority, loopback } from "../test/kit/authority.js";
import { createClock, haveClock, noClock } from "../test/kit/clock.js";
import { grpcPort } from "../test/kit/ports.js";
import { startPostgres } from "../test/kit/postgres.js";
import { startOpenFga } from "./lib/openfga.js";
import { useScratchFolder } from "./lib/scratch.js";
import { faultsOf } from "./soak/faults.js";
import { Worker } from "./soak/life.js";
import { Replicas } from "./soak/replicas.js";
import { Tally } from "./soak/tally.js";
import { compareUsage } from "./soak/usage.js";
import { Watch } from "./soak/watch.js";

const replicaCount = 3;
const workerCount = 16;
const samples = 30;
/** Milliseconds between two restarts, and between two faults. */
const settleMs = 2_000;

const minutes = Number(process.env["SOAK_MINUTES"] ?? 10);
if (!(minutes > 0)) throw new Error("SOAK_MINUTES must be a number above 0");
const engine = grpcEngines.find((name) => name === process.env["SOAK_ENGINE"]);
if (!engine && process.env["SOAK_ENGINE"]) throw new Error(`SOAK_ENGINE must be one of ${grpcEngines.join(", ")}`);

useScratchFolder();
const begin = performance.now();
let disturbances = 0;
const tally = new Tally();
const authority = createAuthority();
const identity = authority.issue(loopback, "server");
if (!haveClock()) say(noClock);
const clock = haveClock() ? createClock() : undefined;
const database = await startPostgres({}, { identity, ...(clock && { clock }) });
const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
await sql`create database openfga`;
const openfga = await startOpenFga({
  queryCache: false,
  databaseUrl: database.url.replace(/postgres$/, "openfga"),
  identity,
});
const replicas = new Replicas(database.url, openfga, authority.certFile, engine, tally);
const faults = faultsOf(replicas, openfga, clock);
try {
  await replicas.start(replicaCount);
  say(`${replicaCount} replicas on ${engine ?? "the default engine"}, ${workerCount} workers, ${minutes} minutes`);
  let stopping = false;
  const graveyard: ConstructorParameters<typeof Worker>[2] = [];
  const working = Array.from({ length: workerCount }, () =>
    new Worker(replicas, tally, graveyard).work(() => !stopping),
  );
  // A fault of this program ends it at once.
  const { seen, grown } = await Promise.race([disturb(), Promise.all(working).then(() => failed("no worker is left"))]);
  stopping = true;
  await Promise.all(working);

  // Each replica writes its counts at the latest when it stops.
  for (const number of replicas.numbers.slice(1)) await replicas.stop(number);
  const [last] = replicas.servers;
  if (!last) throw new Error("no replica");
  const usage = await compareUsage(grpcPort(last.grpc, last.keys.admin), tally);
  for (const line of grown) tally.violated(`grown: ${line}`);
  console.log([...tally.lines(), ...seen, usage].join("\n"));
} finally {
  await replicas.stopAll();
  await openfga.stop();
  await sql.end();
  await database.stop();
  clock?.remove();
  authority.remove();
}
if (tally.violationCount > 0) process.exitCode = 1;

/** Restarts all replicas, one after the other, before and after they are watched. */
async function disturb(): ReturnType<typeof watch> {
  await restartAll();
  const verdict = await watch();
  await restartAll();
  return verdict;
}

async function restartAll(): Promise<void> {
  for (const number of replicas.numbers) {
    await replicas.restart(number);
    say(`replica ${number} was restarted`);
    await sleep(settleMs);
  }
}

async function watch(): Promise<ReturnType<Watch["verdict"]>> {
  const watched = new Watch(replicas.servers, replicas.surroundings, sql);
  const begin = performance.now();
  for (let sample = 1; sample <= samples; sample++) {
    await disturbUntil(begin + (minutes * 60_000 * sample) / samples);
    await watched.look();
  }
  return watched.verdict();
}

/** Runs one fault after the other, and none while samples are taken. */
async function disturbUntil(end: number): Promise<void> {
  while (performance.now() < end) {
    const fault = faults[disturbances++ % faults.length];
    if (!fault) throw new Error("no faults");
    say(fault.name);
    await fault.run();
    await sleep(settleMs);
  }
}

function failed(what: string): never {
  throw new Error(what);
}

function say(text: string): void {
  console.error(`${((performance.now() - begin) / 1000).toFixed(0).padStart(5)} s  ${text}`);
}
