/** The results for one kind of traffic in one round. CPU time is for each decision, microseconds. */
export interface Measurement {
  readonly decisionsPerSecond: number;
  /** Latency of a call with many in flight. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same for a call that is the only one, with the CPU time of all programs. */
  readonly alone: { readonly p50Ms: number; readonly p99Ms: number; readonly totalCpuUs: number } | undefined;
  readonly cpuUs: Readonly<Partial<Record<Program, number>>>;
  /** All programs together, without the load generator. */
  readonly totalCpuUs: number;
  readonly generatorCpuUs: number;
  /** The share of all cores that meanwhile went to other work on the machine, or was taken by its host. */
  readonly otherPercent: number;
  /** Answers that were not the expected ones, and calls without an answer. */
  readonly faults: number;
}

export const programs = ["server", "openfga", "postgres"] as const;
export type Program = (typeof programs)[number];

/** Results that are measured once and not in rounds. */
export interface Facts {
  readonly revocation: RevocationLatency | undefined;
  readonly memory: TokenMemory | undefined;
  /** Time from the command to ready, milliseconds, of each start. */
  readonly embeddedStartMs: readonly number[];
  /** Time that `patwarden --help` takes, milliseconds, of each run. */
  readonly helpMs: readonly number[];
  readonly strangers: readonly StrangerCost[];
}

/** The cost for the server of a kind of call that anybody can make. */
export interface StrangerCost {
  readonly name: string;
  readonly calls: number;
  /** CPU time of the server for each, microseconds. */
  readonly cpuUs: number;
  /** Bytes received for each call, including the overhead of the protocols. */
  readonly bytes: number;
  /** CPU time as a multiple of that of a no-op call. */
  readonly timesNoop: number;
  /** The highest allowed value of `timesNoop`. Undefined for the no-op call itself. */
  readonly limit: number | undefined;
  /** Answers that were not the expected ones. */
  readonly wrong: number;
}

/** RevokeToken with three replicas, alternating with inserts of one row, each a commit. */
export interface RevocationLatency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly commitP50Ms: number;
  readonly commitP99Ms: number;
  /** CPU time of the server that revokes, for one revocation, milliseconds. */
  readonly cpuMs: number;
}

/** The memory that one more used token adds to the process after garbage collection, bytes. */
export interface TokenMemory {
  readonly tokens: number;
  readonly bytesPerToken: number;
  /** By the server's own gauges; undefined without them. */
  readonly countedBytesPerToken: number | undefined;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** NaN for an empty list. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);
