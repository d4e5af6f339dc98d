import { type Facts, type Measurement, median } from "./measurement.js";
import { directOf, type Row, rows } from "./scenarios.js";

/** Measurements of each row, one per round. A row that this build cannot measure is missing. */
export type Rounds = ReadonlyMap<string, readonly Measurement[]>;

/** A promise about speed. */
export interface Goal {
  readonly what: string;
  readonly unit: "times" | "us" | "ms" | "bytes" | "s";
  /** The goal is met up to this value. */
  readonly limit: number;
  /** Undefined when it was not measured. */
  readonly value: number | undefined;
}

export const isMet = ({ value, limit }: Goal): boolean | undefined =>
  value === undefined ? undefined : value <= limit;

/**
 * Divides a figure by another of the same round and returns the median of the rounds: machines are noisy, and most of
 * the noise is common to both.
 */
function compare(
  rounds: Rounds,
  [row, other]: readonly [Row, Row],
  figure: (one: Measurement, two: Measurement) => number,
): number | undefined {
  const others = rounds.get(other.name) ?? [];
  const values = (rounds.get(row.name) ?? []).flatMap((one, round) => {
    const two = others[round];
    return two ? [figure(one, two)] : [];
  });
  return values.length > 0 ? median(values) : undefined;
}

/** Returns the CPU time of all programs for each decision, as a multiple. */
export function cpuRatio(rounds: Rounds, row: Row, other: Row): number | undefined {
  return compare(rounds, [row, other], (one, two) => one.totalCpuUs / two.totalCpuUs);
}

/** Returns the median of the rounds. */
function figureOf(
  rounds: Rounds,
  row: Row,
  figure: (measurement: Measurement) => number | undefined,
): number | undefined {
  const values = (rounds.get(row.name) ?? []).flatMap((measurement) => figure(measurement) ?? []);
  return values.length > 0 ? median(values) : undefined;
}

function alone(rounds: Rounds, row: Row, other: Row): number | undefined {
  const p50Ms = (measurement: Measurement): number => measurement.alone?.p50Ms ?? Number.NaN;
  return compare(rounds, [row, other], (one, two) => p50Ms(one) - p50Ms(two));
}

export function goalsOf(rounds: Rounds, facts: Facts): readonly Goal[] {
  const { revocation, memory, embeddedStartMs, helpMs } = facts;
  const goal = (what: string, unit: Goal["unit"], value: number | undefined, limit: number): Goal => ({
    what,
    unit,
    limit,
    value,
  });
  const cpu = (what: string, row: Row, other: Row, limit: number): Goal =>
    goal(what, "times", cpuRatio(rounds, row, other), limit);
  const overDirect = (what: string, row: Row, limit: number): Goal => cpu(what, row, directOf(row), limit);
  const latency = (what: string, row: Row, limit: number): Goal =>
    goal(what, "ms", alone(rounds, row, directOf(row)), limit);
  return [
    overDirect("Check over a direct one, cache off", rows.checkOff, 0.95),
    overDirect("Check over a direct one, cache on", rows.checkOn, 0.6),
    overDirect("Check within max_staleness over a direct one, cache on", rows.keptOn, 0.2),
    overDirect("Check over a direct one, 64 connections, cache off", rows.checkOffSpread, 0.95),
    overDirect("Check over a direct one, 64 connections, cache on", rows.checkOnSpread, 0.75),
    overDirect("Check within max_staleness over a direct one, 64 connections, cache on", rows.keptOnSpread, 0.3),
    overDirect("decision in a BatchCheck of 50 over a direct Check, cache on", rows.listOn, 0.4),
    overDirect("the same within max_staleness", rows.keptListOn, 0.04),
    overDirect("Check of a malformed secret over a direct Check, cache on", rows.malformed, 0.12),
    latency("Check alone, p50 more than a direct one, cache on", rows.checkOn, 0.2),
    latency("Check within max_staleness alone, p50 more than a direct one, cache on", rows.keptOn, 0),
    goal(
      "no-op call of the built-in engine, CPU time",
      "us",
      figureOf(rounds, rows.noopBuiltin, ({ totalCpuUs }) => totalCpuUs),
      6,
    ),
    goal(
      "the same alone",
      "us",
      figureOf(rounds, rows.noopBuiltin, ({ alone }) => alone?.totalCpuUs),
      50,
    ),
    cpu("Check among 1,000,000 tokens over one among 1,000", rows.checkOn, rows.fewTokens, 1.1),
    cpu("Check beside 20 revocations a second over one beside none", rows.changing, rows.checkOn, 1.1),
    cpu("Check with metering over one with the least of it", rows.checkOn, rows.leastUsage, 1.1),
    cpu("Check over TLS over one without", rows.checkOnTls, rows.checkOn, 1.5),
    goal(
      "RevokeToken with three replicas, p99 more than the median commit",
      "ms",
      revocation && revocation.p99Ms - revocation.commitP50Ms,
      30,
    ),
    goal("CPU time of one revocation in the server that does it", "ms", revocation?.cpuMs, 3),
    goal("memory of one more cached token record", "bytes", memory?.bytesPerToken, 600),
    goal("embedded, from the command to ready", "s", seconds(embeddedStartMs), 4),
    goal("patwarden --help", "s", seconds(helpMs), 0.3),
  ];
}

const seconds = (ms: readonly number[]): number | undefined => (ms.length > 0 ? median(ms) / 1000 : undefined);
