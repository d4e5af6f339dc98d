/** What was seen of one kind of traffic in one round. CPU time is for each decision, microseconds. */
export interface Measurement {
  readonly decisionsPerSecond: number;
  /** Latency of a call with many in flight. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Latency of a call that is the only one. */
  readonly alone: { readonly p50Ms: number; readonly p99Ms: number } | undefined;
  readonly cpuUs: Readonly<Partial<Record<Program, number>>>;
  /** All programs together, without the load generator. */
  readonly totalCpuUs: number;
  readonly generatorCpuUs: number;
  /** Share of all cores that went to anything else on the machine, or was taken by its host, meanwhile. */
  readonly otherPercent: number;
  /** Answers that were not the expected ones, and calls without an answer. */
  readonly faults: number;
}

export const programs = ["server", "openfga", "postgres"] as const;
export type Program = (typeof programs)[number];

/** What was measured once and not in rounds. */
export interface Facts {
  readonly revocation: RevocationLatency | undefined;
  readonly memory: TokenMemory | undefined;
  /** From the command to ready, milliseconds, of each start. */
  readonly embeddedStartMs: readonly number[];
  readonly strangers: readonly StrangerCost[];
}

/** What a kind of call that anybody can make costs the server. */
export interface StrangerCost {
  readonly name: string;
  readonly calls: number;
  /** CPU time of the server for each, microseconds. */
  readonly cpuUs: number;
  /** Bytes that came back for each, with all that the protocols add. */
  readonly bytes: number;
  /** CPU time as a multiple of that of a no-op call. */
  readonly timesNoop: number;
  /** What that must not exceed. Undefined: it is what the others are compared with. */
  readonly limit: number | undefined;
  /** Answers that were not the expected ones. */
  readonly wrong: number;
}

/** RevokeToken with three replicas, in turn with inserts of one row, each a commit. */
export interface RevocationLatency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly commitP50Ms: number;
  readonly commitP99Ms: number;
}

/** What one more token in use adds to the process once garbage has been collected, bytes. */
export interface TokenMemory {
  readonly tokens: number;
  readonly bytesPerToken: number;
  /** What the server's own gauges say; undefined without them. */
  readonly countedBytesPerToken: number | undefined;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** NaN for an empty list. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);
