import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { createAuthority, loopback } from "../../test/kit/authority.js";
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
import { type LoadResult, type LoadSettings, sendLoad } from "./load.js";
import { type Measurement, type Program, programs } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { type Settings, startPatwarden } from "./patwarden.js";
import { startRevoking } from "./revocation.js";

/** One line of the table. */
export interface Row {
  /** Unique; ends with the state of OpenFGA's query cache, where there is one. */
  readonly name: string;
  readonly inFlight: number;
  /** The calls in flight are divided among so many connections. Default 1. */
  readonly connections?: number;
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
/** One call in flight on each connection: no two calls can share a write. */
const spread = (name: string): Row => ({ ...check(name), connections: manyInFlight });

export const rows = {
  directOff: { ...check("direct OpenFGA Check, cache off"), alone: true },
  directOn: { ...check("direct OpenFGA Check, cache on"), alone: true },
  directOffSpread: spread("direct OpenFGA Check, 64 connections, cache off"),
  directOnSpread: spread("direct OpenFGA Check, 64 connections, cache on"),
  noop: { ...check("no-op call, grpc-js"), alone: true },
  noopBuiltin: { ...check("no-op call, builtin"), alone: true },
  checkOff: { ...check("Check, cache off"), alone: true },
  checkOffSpread: spread("Check, 64 connections, cache off"),
  checkOn: { ...check("Check, cache on"), alone: true },
  checkOnSpread: spread("Check, 64 connections, cache on"),
  checkOnTls: { ...check("Check over TLS, cache on"), alone: true },
  malformed: check("Check of a malformed secret"),
  listOn: batch("BatchCheck of 50, one token, cache on"),
  mixedOn: batch("BatchCheck of 50, 50 tokens, cache on"),
  fewTokens: check("Check among 1,000 tokens, cache on"),
  changing: check("Check, 20 revocations a second, cache on"),
  leastUsage: check("Check, usage written once a minute and no last use, cache on"),
  keptOn: { ...check("Check within max_staleness, cache on"), alone: true },
  keptOnSpread: spread("Check within max_staleness, 64 connections, cache on"),
  keptOnTls: { ...check("Check within max_staleness over TLS, cache on"), alone: true },
  keptListOn: batch("BatchCheck of 50 within max_staleness, one token, cache on"),
  checkGrpcJs: { ...check("Check on grpc-js, cache on"), alone: true },
  checkBuiltin: { ...check("Check on builtin, cache on"), alone: true },
  keptGrpcJs: { ...check("Check within max_staleness on grpc-js, cache on"), alone: true },
  keptBuiltin: { ...check("Check within max_staleness on builtin, cache on"), alone: true },
} as const satisfies Readonly<Record<string, Row>>;

/** Returns the direct Check with as many connections and the same setting of the query cache (on, without one). */
export function directOf({ name, connections = 1 }: Row): Row {
  const [one, spread] = name.endsWith("cache off")
    ? [rows.directOff, rows.directOffSpread]
    : [rows.directOn, rows.directOnSpread];
  return connections === 1 ? one : spread;
}

const kept: Settings = { openfga: { max_staleness: "10s" } };
type Engine = "grpc-js" | "builtin";
/** Both sides of Patwarden's gRPC by one engine. */
const onEngine = (name: Engine, settings: Settings = {}): Settings => ({
  ...settings,
  grpc: { ...settings["grpc"], engine: name },
  openfga: { ...settings["openfga"], engine: name },
});

/** One round runs all of them once. */
export const scenarios: readonly Scenario[] = [
  direct({ queryCache: false }, [rows.directOff, rows.directOffSpread]),
  patwarden("Patwarden, cache off", { queryCache: false }, [
    [rows.checkOff, checks],
    [rows.checkOffSpread, checks],
  ]),
  direct({ queryCache: true }, [rows.directOn, rows.directOnSpread]),
  patwarden("Patwarden, cache on", { queryCache: true }, [
    [rows.checkOn, checks],
    [rows.checkOnSpread, checks],
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
  patwarden("Patwarden over TLS", { queryCache: true, tls: true }, [[rows.checkOnTls, checks]]),
  patwarden("Patwarden with kept decisions", { queryCache: true, settings: kept }, [
    [rows.keptOn, checks],
    [rows.keptOnSpread, checks],
    [rows.keptListOn, listBatches],
  ]),
  patwarden("Patwarden with kept decisions over TLS", { queryCache: true, settings: kept, tls: true }, [
    [rows.keptOnTls, checks],
  ]),
  ...(
    [
      ["grpc-js", rows.checkGrpcJs, rows.keptGrpcJs],
      ["builtin", rows.checkBuiltin, rows.keptBuiltin],
    ] as const
  ).flatMap(([name, checkRow, keptRow]) => [
    {
      ...patwarden(`Patwarden on ${name}`, { queryCache: true, settings: onEngine(name) }, [[checkRow, checks]]),
      timeOnly: true,
    },
    {
      ...patwarden(`Patwarden with kept decisions on ${name}`, { queryCache: true, settings: onEngine(name, kept) }, [
        [keptRow, checks],
      ]),
      timeOnly: true,
    },
  ]),
  noop("grpc-js", rows.noop),
  noop("builtin", rows.noopBuiltin),
];

function direct(settings: { readonly queryCache: boolean }, measured: readonly Row[]): Scenario {
  return {
    name: `direct, cache ${settings.queryCache ? "on" : "off"}`,
    async run(bench, onRow) {
      const openfga = await startOpenFga(settings);
      try {
        const traffic = directChecks(openfga.storeId, openfga.modelId);
        const target = { address: openfga.grpc, pids: { openfga: openfga.pid() } };
        for (const row of measured) onRow(row, await measure(row, traffic, target, bench.pace));
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
  /** Whether callers use TLS. Default false. */
  readonly tls?: boolean;
  readonly revocationsPerSecond?: number;
}

type MeasuredRow = readonly [row: Row, traffic: (secrets: readonly string[]) => Traffic];

function patwarden(
  name: string,
  { queryCache, tokens = "many", settings = {}, tls = false, revocationsPerSecond }: PatwardenScenario,
  measured: readonly MeasuredRow[],
): Scenario {
  return {
    name,
    async run(bench, onRow) {
      const openfga = await startOpenFga({ queryCache });
      const authority = tls ? createAuthority() : undefined;
      let server: Server | undefined;
      try {
        const { databaseUrls, profileFolder } = bench;
        const identity = authority?.issue(loopback, "server");
        server = await startPatwarden({
          databaseUrl: databaseUrls[tokens],
          openfga,
          settings: {
            ...settings,
            ...(identity && {
              grpc: { ...settings["grpc"], tls: { cert: identity.certFile, key: identity.keyFile } },
            }),
          },
          profileFolder,
        });
        const target = {
          address: server.grpc,
          tls,
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
        authority?.remove();
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

function noop(engine: Engine, row: Row): Scenario {
  return {
    name: `no-op, ${engine}`,
    async run(bench, onRow) {
      const server = await startNoop(engine);
      try {
        const target = { address: server.address, key: "not needed", pids: { server: server.child.pid ?? 0 } };
        onRow(row, await measure(row, noopCalls(bench.secrets), target, bench.pace));
      } finally {
        server.child.kill();
      }
    },
  };
}

export async function startNoop(
  engine: Engine = "grpc-js",
): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const script = new URL(`noop-${engine}.mjs`, import.meta.url).pathname;
  const child = track(spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] }));
  const [line] = await once(child.stdout, "data");
  return { child, address: String(line).trim() };
}

interface Target {
  readonly address: string;
  readonly tls?: boolean;
  readonly key?: string;
  readonly pids: Readonly<Partial<Record<Program, number>>>;
}

/** Warms up until every request was sent once, then measures under load, then one call at a time. */
async function measure(row: Row, traffic: Traffic, target: Target, pace: Pace): Promise<Measurement> {
  const { address, tls = false, key, pids } = target;
  const settings = {
    ...{ address, tls, ...(key !== undefined && { key }) },
    ...{ inFlight: row.inFlight, connections: row.connections ?? 1 },
  };
  const minCalls = traffic.exchanges.length;
  const warm = await sendLoad(traffic, { ...settings, durationMs: pace.warmUpMs, minCalls });
  const many = await sendMeasured(traffic, { ...settings, durationMs: pace.loadMs }, pids);
  const alone = row.alone
    ? await sendMeasured(traffic, { ...settings, inFlight: 1, connections: 1, durationMs: pace.aloneMs }, pids)
    : undefined;
  const loads = [warm, many.load, ...(alone ? [alone.load] : [])];
  const fault = loads.map(({ firstFault }) => firstFault).find((text) => text !== "");
  if (fault !== undefined) console.error(`  ${row.name}: ${fault}`);
  return {
    decisionsPerSecond: many.load.perSecond * traffic.decisionsPerCall,
    p50Ms: many.load.p50Ms,
    p99Ms: many.load.p99Ms,
    alone: alone && { p50Ms: alone.load.p50Ms, p99Ms: alone.load.p99Ms, totalCpuUs: alone.totalCpuUs },
    cpuUs: many.cpuUs,
    totalCpuUs: many.totalCpuUs,
    generatorCpuUs: many.load.cpuUs / traffic.decisionsPerCall,
    otherPercent: many.otherPercent,
    faults: sum(loads.map(({ wrong, failed }) => wrong + failed)),
  };
}

interface MeasuredLoad extends Pick<Measurement, "cpuUs" | "totalCpuUs" | "otherPercent"> {
  readonly load: LoadResult;
}

/** Sends the load, and takes the CPU time of the programs meanwhile. */
async function sendMeasured(traffic: Traffic, settings: LoadSettings, pids: Target["pids"]): Promise<MeasuredLoad> {
  const measured = programs.flatMap((program) => {
    const pid = pids[program];
    return pid === undefined ? [] : [{ program, pid, before: cpuOf(pid) }];
  });
  const begin = performance.now();
  const machine = cpuOfMachine();
  const load = await sendLoad(traffic, settings);
  const wallUs = (performance.now() - begin) * 1000;
  const decisions = load.calls * traffic.decisionsPerCall;
  const used = measured.map(({ program, pid, before }) => ({ program, us: cpuOf(pid) - before }));
  const usedUs = sum(used.map(({ us }) => us));
  const othersUs = cpuOfMachine() - machine - usedUs - load.cpuUs * load.calls;
  return {
    load,
    cpuUs: Object.fromEntries(used.map(({ program, us }) => [program, us / decisions])),
    totalCpuUs: usedUs / decisions,
    otherPercent: Math.max(0, (100 * othersUs) / wallUs / cpus().length),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
