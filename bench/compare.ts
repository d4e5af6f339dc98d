// Compares the cost of a decision in this build with that in CHECKOUT, a built checkout of another revision. Both run
// at the same time, over one PostgreSQL and one OpenFGA, and get the load in turns of a second: so other work of the
// machine affects both equally. See README.md.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../test/kit/postgres.js";
import type { Server } from "../test/kit/server.js";
import { cpuOf } from "./lib/cpu.js";
import { checks, listBatches, malformedChecks, mixedBatches, type Traffic } from "./lib/exchanges.js";
import { sendLoad } from "./lib/load.js";
import { median } from "./lib/measurement.js";
import { type OpenFga, startOpenFga } from "./lib/openfga.js";
import type { Settings, startPatwarden } from "./lib/patwarden.js";
import { newDatabase } from "./lib/prepare.js";
import { useScratchFolder } from "./lib/scratch.js";
import { secretsOf, seedTokens } from "./lib/tokens.js";
import { userCount } from "./lib/workload.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: "string", default: "30" },
    only: { type: "string", default: "" },
    /** Settings of both, as JSON: `{"grpc":{"engine":"builtin"}}`. */
    settings: { type: "string", default: "{}" },
  },
});
const [checkout] = positionals;
if (checkout === undefined) throw new Error("which CHECKOUT? As in: node --import tsx bench/compare.ts ../before");
const turns = Number(values.turns);
const common: Settings = JSON.parse(values.settings);
if (!(turns >= 5)) throw new Error("--turns must be 5 or more");
const turnMs = 1_000;

interface Row {
  readonly name: string;
  readonly traffic: (secrets: readonly string[]) => Traffic;
  readonly inFlight: number;
  /** Default 1. */
  readonly connections?: number;
}

const check = { name: "Check", traffic: checks, inFlight: 64 };
const batch = { name: "BatchCheck of 50, one token", traffic: listBatches, inFlight: 8 };
const scenarios: readonly { readonly settings: Settings; readonly rows: readonly Row[] }[] = [
  {
    settings: {},
    rows: [
      check,
      batch,
      { name: "BatchCheck of 50, 50 tokens", traffic: mixedBatches, inFlight: 8 },
      { name: "Check of a malformed secret", traffic: () => malformedChecks(), inFlight: 64 },
    ],
  },
  {
    settings: { openfga: { max_staleness: "10s" } },
    rows: [check, { ...check, name: "Check, 64 connections", connections: 64 }, batch].map((row) => ({
      ...row,
      name: `${row.name}, within max_staleness`,
    })),
  },
];

/** A revision that is compared. */
interface Side {
  readonly start: typeof startPatwarden;
  readonly databaseUrl: string;
}

useScratchFolder();
const postgres = await startPostgres({ shared_buffers: "512MB" });
const secrets = secretsOf(userCount);
try {
  const openfga = await startOpenFga({ queryCache: true });
  try {
    const here = await sideOf(resolve(import.meta.dirname, ".."), "here", openfga);
    const there = await sideOf(resolve(checkout), "there", openfga);
    console.log(
      "CPU time of a decision, µs; ratio: the median of the turns, and the range that contains 95 % of such medians",
    );
    for (const { settings, rows: everyRow } of scenarios) {
      const rows = everyRow.filter(({ name }) => new RegExp(values.only).test(name));
      if (rows.length === 0) continue;
      const all = { ...common, ...settings, openfga: { ...common["openfga"], ...settings["openfga"] } };
      const start = ({ start, databaseUrl }: Side) => start({ databaseUrl, openfga, settings: all });
      const servers = [await start(there), await start(here)] as const;
      try {
        for (const row of rows) {
          const costs = await compare(row, servers, openfga);
          console.log(
            `${row.name}\n  server ${describe(costs, ({ server }) => server)}\n  all    ${describe(costs, ({ all }) => all)}`,
          );
        }
      } finally {
        for (const server of servers) await server.stop();
      }
    }
  } finally {
    await openfga.stop();
  }
} finally {
  await postgres.stop();
}

async function sideOf(folder: string, name: string, openfga: OpenFga): Promise<Side> {
  // Its own function, with the settings that its configuration needs.
  const { startPatwarden: start }: { readonly startPatwarden: Side["start"] } = await import(
    `${folder}/bench/lib/patwarden.ts`
  );
  const databaseUrl = await newDatabase(postgres, name);
  const server = await start({ databaseUrl, openfga, fresh: true });
  try {
    const [port] = server.ports;
    if (port) await seedTokens(databaseUrl, port, userCount);
  } finally {
    await server.stop();
  }
  return { start, databaseUrl };
}

/** CPU time of one decision, microseconds: of the server alone, and with OpenFGA and PostgreSQL. */
interface Cost {
  readonly server: number;
  readonly all: number;
}

/** One pair for each turn. */
type Costs = readonly (readonly [there: Cost, here: Cost])[];

async function compare(row: Row, servers: readonly [Server, Server], openfga: OpenFga): Promise<Costs> {
  const traffic = row.traffic(secrets);
  for (const server of servers) {
    await load(row, traffic, server, openfga, { durationMs: 3_000, minCalls: traffic.exchanges.length });
  }
  const costs: [Cost, Cost][] = [];
  for (let turn = 0; turn < turns; turn++) {
    const turnOf = (side: 0 | 1) => load(row, traffic, servers[side], openfga, { durationMs: turnMs });
    if (turn % 2 === 0) costs.push([await turnOf(0), await turnOf(1)]);
    else costs.push([await turnOf(1), await turnOf(0)].reverse() as [Cost, Cost]);
  }
  return costs;
}

async function load(
  { name, inFlight, connections = 1 }: Row,
  traffic: Traffic,
  { grpc, keys, child }: Server,
  openfga: OpenFga,
  pace: { readonly durationMs: number; readonly minCalls?: number },
): Promise<Cost> {
  const used = (): number[] => [child.pid ?? 0, openfga.pid(), postgres.pid()].map(cpuOf);
  const before = used();
  const result = await sendLoad(traffic, { address: grpc, key: keys.checker, inFlight, connections, ...pace });
  if (result.wrong + result.failed > 0) throw new Error(`${name}: ${result.firstFault}`);
  const decisions = result.calls * traffic.decisionsPerCall;
  const [server = 0, ...others] = used().map((us, index) => (us - (before[index] ?? 0)) / decisions);
  return { server, all: others.reduce((sum, us) => sum + us, server) };
}

function describe(costs: Costs, of: (cost: Cost) => number): string {
  const ratios = costs.map(([there, here]) => of(here) / of(there));
  const [low, high] = medianRange(ratios).map((value) => value.toFixed(3));
  const [there, here] = ([0, 1] as const).map((side) => median(costs.map((cost) => of(cost[side]))).toFixed(1));
  return `${there} -> ${here}, ratio ${median(ratios).toFixed(3)} (${low} to ${high})`;
}

/**
 * Uses only the order of the values: by chance, so many are below a median in 2.5 % of the cases, and so many above.
 */
function medianRange(values: readonly number[]): readonly [low: number, high: number] {
  const half = (1.96 * Math.sqrt(values.length)) / 2;
  const at = (index: number): number => values.toSorted((a, b) => a - b)[Math.round(index)] ?? Number.NaN;
  const middle = (values.length - 1) / 2;
  return [at(Math.max(0, middle - half)), at(Math.min(values.length - 1, middle + half))];
}
