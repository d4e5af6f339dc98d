import type { ActionName, SubjectName } from "../domain/identifier.js";
import type { Reason } from "../domain/reason.js";
import type { TokenId } from "../domain/token.js";

/** Decisions for one token and one action with one reason. */
export interface UsageCount {
  readonly tokenId: TokenId;
  readonly subject: SubjectName;
  /** The organization of the token; empty when there is none. */
  readonly organization: SubjectName | "";
  readonly action: ActionName;
  readonly reason: Reason;
  /** The number of decisions, 1 or more. */
  readonly count: number;
  /** Billed units, except those under a usage id. */
  readonly units: number;
}

/** Units that are billed unless the subject was billed under the same id within 24 hours. */
export interface IdentifiedUnits {
  readonly usageId: string;
  readonly units: number;
  /** The count that the units belong to, of the same batch. */
  readonly of: UsageCount;
}

/** Counts of one hour. */
export interface UsageBatch {
  /** The beginning of the hour, milliseconds since 1970. */
  readonly hourMs: number;
  readonly counts: readonly UsageCount[];
  readonly identified: readonly IdentifiedUnits[];
}

/** The dimensions of sums, in the order of the columns that they are sorted by. */
export const usageDimensions = ["token", "action", "reason", "subject", "organization"] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export interface UsageFilter {
  readonly tokenId?: TokenId;
  readonly subject?: SubjectName;
  /** Names, or prefixes that end in `:`. */
  readonly subjects?: readonly string[];
  readonly organization?: SubjectName;
  /** The beginnings of the first hour and of the first hour after the range; whole hours. */
  readonly start?: Date;
  readonly end?: Date;
}

export interface UsageQuery {
  readonly filter: UsageFilter;
  readonly granularity: "TOTAL" | "DAY" | "HOUR";
  readonly groupBy: ReadonlySet<UsageDimension>;
}

/** A sum over a window. A dimension is present when it was requested. */
export interface UsageRow {
  readonly tokenId?: TokenId;
  readonly subject?: SubjectName;
  readonly organization?: SubjectName | "";
  readonly action?: ActionName;
  readonly reason?: Reason;
  /** The window, limited by the filter; undefined where the filter has no limit. */
  readonly start: Date | undefined;
  readonly end: Date | undefined;
  readonly count: bigint;
  readonly units: bigint;
  /** Whether all hours of the window are closed. */
  readonly closed: boolean;
}

/** The position where a page begins: the values that rows are sorted by. */
export type UsagePosition = readonly string[];

export interface UsagePage {
  /** Sorted by time, then by the dimensions. */
  readonly rows: readonly UsageRow[];
  /** The position of the next page; undefined after the last row. */
  readonly next: UsagePosition | undefined;
}

/**
 * Counted decisions, by hour. An hour is open until 15 minutes after its end by the database's clock and never changes
 * afterwards. Methods fail with Failure DATABASE_UNAVAILABLE when nothing was written, or OUTCOME_UNKNOWN when the
 * connection broke during COMMIT.
 */
export interface UsageStore {
  /**
   * Adds a whole batch, or nothing, to its hour or, when that is closed, to the first open hour. `sequence` rises with
   * the batches of a process. A batch that was added already is ignored, so the same one may be sent again after any
   * failure.
   */
  add(replicaId: string, sequence: number, batch: UsageBatch): Promise<void>;
  query(query: UsageQuery, page: { readonly size: number; readonly after?: UsagePosition }): Promise<UsagePage>;
  /** Closes hours that are due, and forgets usage ids and processes that are no longer needed. Run it every minute. */
  sweep(): Promise<void>;
}
