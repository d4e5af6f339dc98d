import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { track } from "../../test/kit/children.js";
import type { Server } from "../../test/kit/server.js";
import { cpuOf, cpuOfMachine } from "./cpu.js";
import {
  checks,
  directChecks,
  listBatches,
  malformedChecks,
  mixedBatches,
  noopCalls,
  type Traffic,
} from "./exchanges.js";
import { sendLoad } from "./load.js";
import { type Measurement, type Program, programs } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { type Settings, startPatwarden } from "./patwarden.js";
import { startRevoking } from "./revocation.js";

/** One line of the table. */
export interface Row {
  /** Unique; ends with the state of OpenFGA's query cache, where there is one. */
  readonly name: string;
  readonly inFlight: number;
  /** Whether to measure also one call at a time. */
  readonly alone?: boolean;
}

/** Programs that are started for this scenario, and the rows that are then measured one after the other. */
export interface Scenario {
  readonly name: string;
  /** Whether it does the same as another scenario and only adds a time. */
  readonly timeOnly?: boolean;
  run(bench: Bench, onRow: (row: Row, measurement: Measurement) => void): Promise<void>;
}

/** Resources that exist for the whole run. */
export interface Bench {
  readonly postgresPid: number;
  /** A database of 1,000 tokens, and one of a million. */
  readonly databaseUrls: { readonly few: string; readonly many: string };
  readonly secrets: readonly string[];
  readonly pace: Pace;
  /** The folder for CPU profiles of Patwarden; absent: no profiles. */
  readonly profileFolder?: string;
  /** Returns the id of an unused token, a new one each time. */
  nextUnusedToken(): string;
  /** Adds a note to the report. */
  note(text: string): void;
}

export interface Pace {
  readonly warmUpMs: number;
  readonly loadMs: number;
  readonly aloneMs: number;
}

const manyInFlight = 64;
/** 400 questions. */
const batchesInFlight = 8;

const check = (name: string): Row => ({ name, inFlight: manyInFlight });
const batch = (name: string): Row => ({ name, inFlight: batchesInFlight });

export const rows = {
  directOff: { ...check("direct OpenFGA Check, cache off"), alone: true },
  directOn: { ...check("direct OpenFGA Check, cache on"), alone: true },
  noop: { ...check("no-op grpc-js call"), alone: true },
  checkOff: { ...check("Check, cache off"), alone: true },
  checkOn: { ...check("Check, cache on"), alone: true },
  malformed: check("Check of a malformed secret"),
  listOn: batch("BatchCheck of 50, one token, cache on"),
  mixedOn: batch("BatchCheck of 50, 50 tokens, cache on"),
  fewTokens: check("Check among 1,000 tokens, cache on"),
  changing: check("Check, 20 revocations a second, cache on"),
  leastUsage: check("Check, usage written once a minute and no last use, cache on"),
  keptOn: { ...check("Check within max_staleness, cache on"), alone: true },
  keptListOn: batch("BatchCheck of 50 within max_staleness, one token, cache on"),
} as const satisfies Readonly<Record<string, Row>>;

/** One round runs all of them once. */
export const scenarios: readonly Scenario[] = [
  direct({ queryCache: false }, rows.directOff),
  patwarden("Patwarden, cache off", { queryCache: false }, [[rows.checkOff, checks]]),
  direct({ queryCache: true }, rows.directOn),
  patwarden("Patwarden, cache on", { queryCache: true }, [
    [rows.checkOn, checks],
    [rows.listOn, listBatches],
    [rows.mixedOn, mixedBatches],
    [rows.malformed, malformedChecks],
  ]),
  {
    ...patwarden("Patwarden with 1,000 tokens", { queryCache: true, tokens: "few" }, [[rows.fewTokens, checks]]),
    timeOnly: true,
  },
  patwarden("Patwarden under changes", { queryCache: true, revocationsPerSecond: 20 }, [[rows.changing, checks]]),
  {
    ...patwarden(
      "Patwarden with the least metering",
      { queryCache: true, settings: { usage: { flush_interval: "1m", last_use: false } } },
      [[rows.leastUsage, checks]],
    ),
    timeOnly: true,
  },
  patwarden("Patwarden with kept decisions", { queryCache: true, settings: { openfga: { max_staleness: "10s" } } }, [
    [rows.keptOn, checks],
    [rows.keptListOn, listBatches],
  ]),
  noop(),
];

function direct(settings: { readonly queryCache: boolean }, row: Row): Scenario {
  return {
    name: row.name,
    async run(bench, onRow) {
      const openfga = await startOpenFga(settings);
      try {
        const traffic = directChecks(openfga.storeId, openfga.modelId);
        onRow(
          row,
          await measure(row, traffic, { address: openfga.grpc, pids: { openfga: openfga.pid() } }, bench.pace),
        );
      } finally {
        await openfga.stop();
      }
    },
  };
}

interface PatwardenScenario {
  readonly queryCache: boolean;
  /** Default `many`. */
  readonly tokens?: keyof Bench["databaseUrls"];
  readonly settings?: Settings;
  readonly revocationsPerSecond?: number;
}

type MeasuredRow = readonly [row: Row, traffic: (secrets: readonly string[]) => Traffic];

function patwarden(
  name: string,
  { queryCache, tokens = "many", settings = {}, revocationsPerSecond }: PatwardenScenario,
  measured: readonly MeasuredRow[],
): Scenario {
  return {
    name,
    async run(bench, onRow) {
      const openfga = await startOpenFga({ queryCache });
      let server: Server | undefined;
      try {
        const { databaseUrls, profileFolder } = bench;
        server = await startPatwarden({ databaseUrl: databaseUrls[tokens], openfga, settings, profileFolder });
        const target = {
          address: server.grpc,
          key: server.keys.checker,
          pids: { server: server.child.pid ?? 0, openfga: openfga.pid(), postgres: bench.postgresPid },
        };
        const revoking =
          revocationsPerSecond === undefined
            ? undefined
            : startRevoking(server, revocationsPerSecond, bench.nextUnusedToken);
        for (const [row, traffic] of measured) {
          onRow(row, await measure(row, traffic(bench.secrets), target, bench.pace));
        }
        const missed = (await revoking?.stop()) ?? 0;
        if (missed > 0) bench.note(`${name}: ${missed} revocations were not made, or not in time`);
      } catch (error) {
        if (server) console.error(problemsOf(server));
        throw error;
      } finally {
        await server?.stop();
        await openfga.stop();
      }
    },
  };
}

/** Returns the last lines of its log that report problems. */
function problemsOf(server: Server): string {
  const lines = server.log().split("\n");
  return lines
    .filter((line) => !line.includes('"level":"info"'))
    .slice(-20)
    .join("\n");
}

function noop(): Scenario {
  return {
    name: rows.noop.name,
    async run(bench, onRow) {
      const server = await startNoop();
      try {
        const target = { address: server.address, key: "not needed", pids: { server: server.child.pid ?? 0 } };
        onRow(rows.noop, await measure(rows.noop, noopCalls(bench.secrets), target, bench.pace));
      } finally {
        server.child.kill();
      }
    },
  };
}

export async function startNoop(): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const script = new URL("noop-server.mjs", import.meta.url).pathname;
  const child = track(spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] }));
  const [line] = await once(child.stdout, "data");
  return { child, address: String(line).trim() };
}

interface Target {
  readonly address: string;
  readonly key?: string;
  readonly pids: Readonly<Partial<Record<Program, number>>>;
}

/** Warms up until every request was sent once, then measures under load, then one call at a time. */
async function measure(row: Row, traffic: Traffic, { address, key, pids }: Target, pace: Pace): Promise<Measurement> {
  const settings = { address, ...(key !== undefined && { key }), inFlight: row.inFlight };
  const minCalls = traffic.exchanges.length;
  const warm = await sendLoad(traffic, { ...settings, durationMs: pace.warmUpMs, minCalls });

  const measured = programs.flatMap((program) => {
    const pid = pids[program];
    return pid === undefined ? [] : [{ program, pid, before: cpuOf(pid) }];
  });
  const begin = performance.now();
  const machine = cpuOfMachine();
  const load = await sendLoad(traffic, { ...settings, durationMs: pace.loadMs });
  const wallUs = (performance.now() - begin) * 1000;
  const decisions = load.calls * traffic.decisionsPerCall;
  const used = measured.map(({ program, pid, before }) => ({ program, us: cpuOf(pid) - before }));
  const othersUs = cpuOfMachine() - machine - sum(used.map(({ us }) => us)) - load.cpuUs * load.calls;

  const alone = row.alone ? await sendLoad(traffic, { ...settings, inFlight: 1, durationMs: pace.aloneMs }) : undefined;
  const loads = [warm, load, ...(alone ? [alone] : [])];
  const fault = loads.map(({ firstFault }) => firstFault).find((text) => text !== "");
  if (fault !== undefined) console.error(`  ${row.name}: ${fault}`);
  return {
    decisionsPerSecond: load.perSecond * traffic.decisionsPerCall,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    alone: alone && { p50Ms: alone.p50Ms, p99Ms: alone.p99Ms },
    cpuUs: Object.fromEntries(used.map(({ program, us }) => [program, us / decisions])),
    totalCpuUs: sum(used.map(({ us }) => us)) / decisions,
    generatorCpuUs: load.cpuUs / traffic.decisionsPerCall,
    otherPercent: Math.max(0, (100 * othersUs) / wallUs / cpus().length),
    faults: sum(loads.map(({ wrong, failed }) => wrong + failed)),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
