import type { Address } from "../../domain/network.js";
import type { FoundText, LeakReporter } from "../../leaks/leak.js";

/**
 * Revokes the tokens of found secrets that are ours, on every replica. Returns for each text whether it was ever ours.
 */
export type ReportFound = (
  found: readonly FoundText[],
  reporter: LeakReporter,
  from: Address | undefined,
) => Promise<readonly boolean[]>;

/** The limits of one report: bytes, and found texts. */
export const maxReportBytes = 1024 * 1024;
export const maxReported = 1_000;
