import { type Facts, type Measurement, median } from "./measurement.js";
import { type Row, rows } from "./scenarios.js";

/** Measurements of each row, one per round. A row that this build cannot measure is missing. */
export type Rounds = ReadonlyMap<string, readonly Measurement[]>;

/** A promise about speed. */
export interface Goal {
  readonly what: string;
  readonly unit: "times" | "ms" | "bytes" | "s";
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

function alone(rounds: Rounds, row: Row, other: Row): number | undefined {
  const p50Ms = (measurement: Measurement): number => measurement.alone?.p50Ms ?? Number.NaN;
  return compare(rounds, [row, other], (one, two) => p50Ms(one) - p50Ms(two));
}

export function goalsOf(rounds: Rounds, { revocation, memory, embeddedStartMs }: Facts): readonly Goal[] {
  const cpu = (what: string, row: Row, other: Row, limit: number): Goal => ({
    what,
    unit: "times",
    limit,
    value: cpuRatio(rounds, row, other),
  });
  const latency = (what: string, row: Row, other: Row): Goal => ({
    what,
    unit: "ms",
    limit: 0.35,
    value: alone(rounds, row, other),
  });
  return [
    cpu("Check over a direct one, cache off", rows.checkOff, rows.directOff, 1.15),
    cpu("Check over a direct one, cache on", rows.checkOn, rows.directOn, 1.5),
    cpu("Check within max_staleness over a direct one, cache on", rows.keptOn, rows.directOn, 0.75),
    cpu("decision in a BatchCheck of 50 over a direct Check, cache on", rows.listOn, rows.directOn, 0.6),
    cpu("the same within max_staleness", rows.keptListOn, rows.directOn, 0.1),
    latency("Check alone, p50 more than a direct one, cache off", rows.checkOff, rows.directOff),
    latency("Check alone, p50 more than a direct one, cache on", rows.checkOn, rows.directOn),
    cpu("Check among 1,000,000 tokens over one among 1,000", rows.checkOn, rows.fewTokens, 1.1),
    cpu("Check beside 20 revocations a second over one beside none", rows.changing, rows.checkOn, 1.1),
    cpu("Check with metering over one with the least of it", rows.checkOn, rows.leastUsage, 1.1),
    {
      what: "RevokeToken with three replicas, p99 more than the median commit",
      unit: "ms",
      limit: 30,
      value: revocation && revocation.p99Ms - revocation.commitP50Ms,
    },
    cpu("Check of a malformed secret over a no-op call", rows.malformed, rows.noop, 1.1),
    { what: "memory of one more cached token record", unit: "bytes", limit: 600, value: memory?.bytesPerToken },
    {
      what: "embedded, from the command to ready",
      unit: "s",
      limit: 5,
      value: embeddedStartMs.length > 0 ? median(embeddedStartMs) / 1000 : undefined,
    },
  ];
}
