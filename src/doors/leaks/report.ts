import type { FoundText, LeakReporter } from "../../token/leak.js";
import type { Address } from "../../token/network.js";

/** Ends what is ours of what was found, on every replica; answers for each whether it was ever ours. */
export type ReportFound = (
  found: readonly FoundText[],
  reporter: LeakReporter,
  from: Address | undefined,
) => Promise<readonly boolean[]>;

/** Of one report, bytes and found texts. */
export const maxReportBytes = 1024 * 1024;
export const maxReported = 1_000;
