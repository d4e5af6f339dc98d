import type { Address } from "../../domain/network.js";
import type { FoundText, LeakReporter } from "../../leaks/leak.js";

/** Ends what is ours of what was found, on every replica; answers for each whether it was ever ours. */
export type ReportFound = (
  found: readonly FoundText[],
  reporter: LeakReporter,
  from: Address | undefined,
) => Promise<readonly boolean[]>;

/** Limits of one report: bytes, and found texts. */
export const maxReportBytes = 1024 * 1024;
export const maxReported = 1_000;
