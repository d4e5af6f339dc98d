// Side by side in one run: a direct OpenFGA Check, a no-op grpc-js call, and Patwarden. See README.md.
//   bench.ts [full | short] [--rounds N] [--record LABEL]
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startPostgres, type TestPostgres } from "../test/kit/postgres.js";
import { measureEmbeddedStart } from "./lib/embedded-start.js";
import { noopCalls } from "./lib/exchanges.js";
import { goalsOf } from "./lib/goals.js";
import { sendLoad } from "./lib/load.js";
import type { Measurement } from "./lib/measurement.js";
import { measureMemory } from "./lib/memory.js";
import { openFgaVersion, startOpenFga } from "./lib/openfga.js";
import { startPatwarden, UnknownSetting } from "./lib/patwarden.js";
import { markdown, type Run } from "./lib/report.js";
import { measureRevocation } from "./lib/revocation.js";
import { type Bench, type Pace, scenarios, startNoop } from "./lib/scenarios.js";
import { secretsOf, seedTokens, tokenId, usableTokens } from "./lib/tokens.js";
import { userCount } from "./lib/workload.js";

interface Size {
  readonly rounds: number;
  readonly tokens: number;
  readonly pace: Pace;
  readonly revocations: number;
  readonly memoryTokens: number;
  readonly memoryWarmUpCalls: number;
  readonly embeddedStarts: number;
}

const sizes: Readonly<Record<string, Size>> = {
  full: {
    rounds: 3,
    tokens: 1_000_000,
    pace: { warmUpMs: 1_500, loadMs: 4_000, aloneMs: 2_000 },
    revocations: 300,
    memoryTokens: 40_000,
    memoryWarmUpCalls: 20_000,
    embeddedStarts: 3,
  },
  /** Shows that everything works and answers right; its times say nothing. */
  short: {
    rounds: 1,
    tokens: 3_000,
    pace: { warmUpMs: 0, loadMs: 300, aloneMs: 100 },
    revocations: 10,
    memoryTokens: 1_000,
    memoryWarmUpCalls: 1_000,
    embeddedStarts: 1,
  },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, record: { type: "string" } },
});
const sizeName = positionals[0] ?? "full";
const size = sizes[sizeName];
if (!size) throw new Error(`no size ${sizeName}; there are: ${Object.keys(sizes).join(", ")}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const database = await startPostgres({ fsync: "on", shared_buffers: "512MB", max_wal_size: "4GB" });
try {
  const run = await measureAll(database, { ...size, rounds: Number(options.rounds ?? size.rounds) });
  const text = markdown(run);
  console.log(`\n${text}`);
  mkdirSync(new URL("results/", import.meta.url), { recursive: true });
  writeFileSync(
    new URL("results/latest.json", import.meta.url),
    `${JSON.stringify({ ...run, rounds: Object.fromEntries(run.rounds) }, null, 2)}\n`,
  );
  if (options.record !== undefined) record(run, text);
  const faults = [...run.rounds.values()].flat().reduce((sum, measurement) => sum + measurement.faults, 0);
  if (faults > 0) throw new Error(`${faults} wrong or missing answers: the table is worth nothing`);
} finally {
  await database.stop();
}

async function measureAll(server: TestPostgres, { rounds: count, ...size }: Size): Promise<Run> {
  await proveThatFaultsAreNoticed();
  const bench = await prepare(server, size);
  const rounds = new Map<string, Measurement[]>();
  const missing = new Set<string>();
  for (let round = 1; round <= count; round++) {
    for (const scenario of scenarios) {
      try {
        await scenario.run(bench, ({ name }, measurement) => {
          const { decisionsPerSecond, totalCpuUs } = measurement;
          say(`round ${round}: ${name}: ${decisionsPerSecond.toFixed(0)}/s, ${totalCpuUs.toFixed(1)} µs`);
          rounds.set(name, [...(rounds.get(name) ?? []), measurement]);
        });
      } catch (error) {
        if (!(error instanceof UnknownSetting)) throw error;
        missing.add(`not measured: ${scenario.name}, because ${error.message}`);
      }
    }
  }
  say("revocation with three replicas");
  const revocation = await measureRevocation(bench, size.revocations);
  say("memory");
  const memory = await measureMemory(bench, size.memoryTokens, size.memoryWarmUpCalls);
  say("embedded starts");
  const embeddedStartMs: number[] = [];
  for (let start = 0; start < size.embeddedStarts; start++) embeddedStartMs.push(await measureEmbeddedStart());

  const facts = { revocation, memory, embeddedStartMs };
  return {
    label: options.record ?? sizeName,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    conditions: `${count} round(s), medians; ${cpus().length} cores, ${cpus()[0]?.model}; Node ${process.version}, OpenFGA ${openFgaVersion()}, PostgreSQL ${await postgresVersion(server)}; ${revision()}`,
    rounds,
    facts,
    goals: goalsOf(rounds, facts),
    missing: [...missing],
  };
}

/** A generator that calls everything right would make every table look good. */
async function proveThatFaultsAreNoticed(): Promise<void> {
  const noop = await startNoop();
  try {
    const traffic = noopCalls(secretsOf(userCount));
    const settings = { address: noop.address, inFlight: 4, durationMs: 0, minCalls: traffic.exchanges.length };
    const [first, ...others] = traffic.exchanges;
    if (!first) throw new Error("no traffic");
    const result = await sendLoad(
      { ...traffic, exchanges: [{ ...first, expected: "something" }, ...others] },
      settings,
    );
    const unanswered = await sendLoad({ ...traffic, path: "/no.such.Service/Method" }, settings);
    if (result.wrong !== 1 || result.failed !== 0 || unanswered.failed !== unanswered.calls)
      throw new Error("the load generator does not notice wrong and missing answers");
  } finally {
    noop.child.kill();
  }
}

/** Two databases of tokens, filled by a server that is gone afterwards. */
async function prepare(server: TestPostgres, { tokens, pace }: Pick<Size, "tokens" | "pace">): Promise<Bench> {
  const few = await newDatabase(server, "few");
  const many = await newDatabase(server, "many");
  const openfga = await startOpenFga({ queryCache: false });
  try {
    for (const [databaseUrl, count] of [
      [few, userCount],
      [many, tokens],
    ] as const) {
      say(`seeding ${count} tokens`);
      const patwarden = await startPatwarden({ databaseUrl, openfga });
      try {
        const [port] = patwarden.ports;
        if (port) await seedTokens(databaseUrl, port, count);
      } finally {
        await patwarden.stop();
      }
    }
  } finally {
    await openfga.stop();
  }
  let unused = Math.min(usableTokens, tokens - 1_000);
  return {
    postgresPid: server.pid(),
    databaseUrls: { few, many },
    secrets: secretsOf(Math.min(usableTokens, tokens)),
    pace,
    nextUnusedToken: () => tokenId(unused++),
  };
}

async function newDatabase({ url }: TestPostgres, name: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  await sql.unsafe(`create database ${name}`);
  await sql.end();
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

async function postgresVersion({ url }: TestPostgres): Promise<string> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ server_version: string }[]>`show server_version`;
  await sql.end();
  return row?.server_version.split(" ")[0] ?? "unknown";
}

function revision(): string {
  try {
    return `revision ${execFileSync("git", ["describe", "--always", "--dirty"], { cwd: import.meta.dirname, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()}`;
  } catch {
    return "not a checkout";
  }
}

/** Puts the run above the earlier ones of RESULTS.md. */
function record({ label, date }: Run, text: string): void {
  const file = new URL("RESULTS.md", import.meta.url);
  const marker = "<!-- newest first -->\n";
  const [before, after] = readFileSync(file, "utf8").split(marker);
  if (after === undefined) throw new Error(`RESULTS.md has no line ${marker}`);
  writeFileSync(file, `${before}${marker}\n## ${date.slice(0, 10)}: ${label}\n\n${text}\n${after}`);
}

function say(text: string): void {
  console.error(text);
}
