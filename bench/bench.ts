// Compares in one run: a direct OpenFGA Check, a no-op grpc-js call, and Patwarden. See README.md.
//
// bench.ts [full | short] [--rounds N] [--record LABEL] [--only REGEXP] [--tokens N] [--profile FOLDER]
//
// --only runs only the scenarios whose name matches. With --profile, Patwarden writes a CPU profile of each scenario
// into the folder.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startPostgres, type TestPostgres } from "../test/kit/postgres.js";
import { measureEmbeddedStart } from "./lib/embedded-start.js";
import { goalsOf } from "./lib/goals.js";
import type { Facts, Measurement } from "./lib/measurement.js";
import { type MemoryLoad, measureMemory } from "./lib/memory.js";
import { openFgaVersion } from "./lib/openfga.js";
import { UnknownSetting } from "./lib/patwarden.js";
import { prepare, proveThatFaultsAreNoticed } from "./lib/prepare.js";
import { markdown, type Run } from "./lib/report.js";
import { measureRevocation } from "./lib/revocation.js";
import { type Bench, type Pace, type Scenario, scenarios } from "./lib/scenarios.js";
import { useScratchFolder } from "./lib/scratch.js";
import { measureStrangers } from "./lib/strangers.js";

interface Size {
  readonly rounds: number;
  readonly tokens: number;
  readonly pace: Pace;
  readonly revocations: number;
  readonly memory: MemoryLoad;
  readonly embeddedStarts: number;
  readonly helps: number;
  /** How long each kind of call of unauthenticated callers is made, milliseconds. */
  readonly strangersMs: number;
  /** Whether its times are compared with the goals. */
  readonly judged: boolean;
}

const sizes: Readonly<Record<string, Size>> = {
  full: {
    rounds: 3,
    tokens: 1_000_000,
    // A server runs for weeks, not for its first two seconds.
    pace: { warmUpMs: 5_000, loadMs: 4_000, aloneMs: 2_000 },
    revocations: 300,
    memory: { tokens: 40_000, warmUpCalls: 20_000, settleMs: 7_000 },
    embeddedStarts: 3,
    helps: 5,
    strangersMs: 1_000,
    judged: true,
  },
  /** Checks that everything works and answers correctly; ignore its times. `make demo` starts the embedded server. */
  short: {
    rounds: 1,
    tokens: 3_000,
    pace: { warmUpMs: 0, loadMs: 300, aloneMs: 100 },
    revocations: 10,
    memory: { tokens: 1_000, warmUpCalls: 1_000, settleMs: 0 },
    embeddedStarts: 0,
    helps: 1,
    strangersMs: 50,
    judged: false,
  },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    record: { type: "string" },
    only: { type: "string" },
    tokens: { type: "string" },
    profile: { type: "string" },
  },
});
const sizeName = positionals[0] ?? "full";
const size = sizes[sizeName];
if (!size) throw new Error(`no size ${sizeName}; there are: ${Object.keys(sizes).join(", ")}`);

const nothing: Facts = { revocation: undefined, memory: undefined, embeddedStartMs: [], helpMs: [], strangers: [] };
/** The name of the measurements that are not a scenario. */
const strangers = "strangers";

useScratchFolder();
const database = await startPostgres({ fsync: "on", shared_buffers: "512MB", max_wal_size: "4GB" });
try {
  const run = await measureAll(database, {
    ...size,
    rounds: Number(options.rounds ?? size.rounds),
    tokens: Number(options.tokens ?? size.tokens),
  });
  const text = markdown(run);
  console.log(`\n${text}`);
  mkdirSync(new URL("results/", import.meta.url), { recursive: true });
  writeFileSync(
    new URL("results/latest.json", import.meta.url),
    `${JSON.stringify({ ...run, rounds: Object.fromEntries(run.rounds) }, null, 2)}\n`,
  );
  const faults = [
    ...[...run.rounds.values()].flat().map((measurement) => measurement.faults),
    ...run.facts.strangers.map(({ wrong }) => wrong),
  ].reduce((sum, count) => sum + count, 0);
  if (faults > 0) throw new Error(`${faults} wrong or missing answers: the table is not valid`);
  if (options.record !== undefined) record(run, text);
} finally {
  await database.stop();
}

async function measureAll(server: TestPostgres, size: Size): Promise<Run> {
  const { rounds: count } = size;
  const isWanted = ({ name, timeOnly }: Scenario): boolean =>
    options.only === undefined ? size.judged || !timeOnly : new RegExp(options.only).test(name);
  await proveThatFaultsAreNoticed();
  const notes = new Set<string>();
  const bench = {
    ...(await prepare(server, size.tokens)),
    pace: size.pace,
    ...(options.profile !== undefined && { profileFolder: resolve(options.profile) }),
    note: (text: string) => void notes.add(text),
  };
  const rounds = new Map<string, Measurement[]>();
  for (let round = 1; round <= count; round++) {
    for (const scenario of scenarios.filter(isWanted)) {
      try {
        await scenario.run(bench, ({ name }, measurement) => {
          const { decisionsPerSecond, totalCpuUs } = measurement;
          say(`round ${round}: ${name}: ${decisionsPerSecond.toFixed(0)}/s, ${totalCpuUs.toFixed(1)} µs`);
          rounds.set(name, [...(rounds.get(name) ?? []), measurement]);
        });
      } catch (error) {
        if (!(error instanceof UnknownSetting)) throw error;
        bench.note(`not measured: ${scenario.name}, because ${error.message}`);
      }
    }
  }
  const facts = {
    ...(options.only === undefined ? await measureFacts(bench, size) : nothing),
    ...(new RegExp(options.only ?? "").test(strangers) && {
      strangers: await measureStrangers(bench, size.strangersMs),
    }),
  };
  return {
    label: options.record ?? sizeName,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    conditions: `${count} round(s), medians; ${cpus().length} cores, ${cpus()[0]?.model}; Node ${process.version}, OpenFGA ${openFgaVersion()}, PostgreSQL ${await postgresVersion(server)}; ${revision()}`,
    rounds,
    facts,
    goals: size.judged ? goalsOf(rounds, facts) : [],
    notes: [...notes],
  };
}

async function measureFacts(bench: Bench, size: Size): Promise<Facts> {
  say("revocation with three replicas");
  const revocation = await measureRevocation(bench, size.revocations);
  say("memory");
  const memory = await measureMemory(bench, size.memory);
  say("embedded starts");
  const embeddedStartMs: number[] = [];
  for (let start = 0; start < size.embeddedStarts; start++) embeddedStartMs.push(await measureEmbeddedStart());
  const helpMs = Array.from({ length: size.helps }, measureHelp);
  return { ...nothing, revocation, memory, embeddedStartMs, helpMs };
}

/** Returns the time that `patwarden --help` takes, milliseconds. */
function measureHelp(): number {
  const main = new URL("../dist/main.js", import.meta.url).pathname;
  const begin = performance.now();
  execFileSync(process.execPath, [main, "--help"], { stdio: "ignore" });
  return performance.now() - begin;
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

/** Writes the run above the earlier ones in RESULTS.md. */
function record({ label, date }: Run, text: string): void {
  const file = new URL("RESULTS.md", import.meta.url);
  const marker = "<!-- newest first -->\n";
  const [before, after] = readFileSync(file, "utf8").split(marker);
  if (after === undefined) throw new Error(`RESULTS.md has no line ${marker}`);
  writeFileSync(file, `${before}${marker}\n## ${date.slice(0, 10)}: ${label}\n\n${text}\n${after}`);
  execFileSync("npx", ["--no-install", "biome", "format", "--write", file.pathname], { stdio: "ignore" });
}

function say(text: string): void {
  console.error(text);
}
