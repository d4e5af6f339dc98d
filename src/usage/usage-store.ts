import type { ActionName, SubjectName } from "../domain/identifier.js";
import type { Reason } from "../domain/reason.js";
import type { TokenId } from "../domain/token.js";

/** Decisions for one token on one action with one reason. */
export interface UsageCount {
  readonly tokenId: TokenId;
  readonly subject: SubjectName;
  /** That the token is bound to or is; empty when there is none. */
  readonly organization: SubjectName | "";
  readonly action: ActionName;
  readonly reason: Reason;
  /** Decisions, 1 or more. */
  readonly count: number;
  /** Billed, but for those under a usage id. */
  readonly units: number;
}

/** Units that are billed unless the subject was billed under the same id within 24 hours. */
export interface IdentifiedUnits {
  readonly usageId: string;
  readonly units: number;
  /** What they belong to; one of the same batch. */
  readonly of: UsageCount;
}

/** Counts of one hour. */
export interface UsageBatch {
  /** Its first moment, milliseconds since 1970. */
  readonly hourMs: number;
  readonly counts: readonly UsageCount[];
  readonly identified: readonly IdentifiedUnits[];
}

/** What sums are kept apart by, in the order of the columns that they are sorted by. */
export const usageDimensions = ["token", "action", "reason", "subject", "organization"] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export interface UsageFilter {
  readonly tokenId?: TokenId;
  readonly subject?: SubjectName;
  /** Names, or prefixes that end in `:`. */
  readonly subjects?: readonly string[];
  readonly organization?: SubjectName;
  /** First moment of the first hour, and of the first one after; whole hours. */
  readonly start?: Date;
  readonly end?: Date;
}

export interface UsageQuery {
  readonly filter: UsageFilter;
  readonly granularity: "TOTAL" | "DAY" | "HOUR";
  readonly groupBy: ReadonlySet<UsageDimension>;
}

/** A sum over a window. A dimension is there when it was asked for. */
export interface UsageRow {
  readonly tokenId?: TokenId;
  readonly subject?: SubjectName;
  readonly organization?: SubjectName | "";
  readonly action?: ActionName;
  readonly reason?: Reason;
  /** Cut to the filter; undefined where that is open. */
  readonly start: Date | undefined;
  readonly end: Date | undefined;
  readonly count: bigint;
  readonly units: bigint;
  /** Whether all its hours are closed. */
  readonly closed: boolean;
}

/** Where a page begins: the values that rows are sorted by. */
export type UsagePosition = readonly string[];

export interface UsagePage {
  /** By time, then by the dimensions. */
  readonly rows: readonly UsageRow[];
  /** Where to go on; undefined after the last row. */
  readonly next: UsagePosition | undefined;
}

/**
 * Counted decisions, by hour. An hour is open until 15 minutes after its end by the database's clock and never changes
 * afterwards. Methods fail with Failure DATABASE_UNAVAILABLE when they did not happen or OUTCOME_UNKNOWN when the
 * connection broke during COMMIT.
 */
export interface UsageStore {
  /**
   * Adds a batch, all of it or nothing, to its hour or, when that is closed, to the first open one. `sequence` rises
   * with the batches of a process; a batch that was added already is left out, so after any failure the same one may be
   * sent again.
   */
  add(replicaId: string, sequence: number, batch: UsageBatch): Promise<void>;
  query(query: UsageQuery, page: { readonly size: number; readonly after?: UsagePosition }): Promise<UsagePage>;
  /**
   * Closes hours whose time has come, and forgets usage ids and processes that no longer matter. To be called every
   * minute by any process.
   */
  sweep(): Promise<void>;
}
