import type { TokenRecord } from "../domain/token.js";

/** The secret-scanning programs that report leaks and sign their reports. */
export const scanningProviders = ["github", "gitlab"] as const;
export type ScanningProvider = (typeof scanningProviders)[number];
export type LeakReporter = ScanningProvider | "anybody";

/** A text that was found where it should not be. It may or may not be a secret of ours. */
export interface FoundText {
  readonly text: string;
  /** Where it was found, as its finder says; empty when unknown. */
  readonly url: string;
  /** The kind of place, such as `commit`, as its finder says; empty when unknown. */
  readonly source: string;
}

/** The first report of a leaked token. */
export interface Leak {
  readonly reporter: LeakReporter;
  /** Up to 2,000 characters, none of them deceptive. */
  readonly url: string;
  /** Up to 100 characters, none of them deceptive. */
  readonly source: string;
  /** The hint of the secret that was found. */
  readonly hint: string;
  readonly time: Date;
}

/** The content of a notification about a leaked token. */
export interface LeakNotice
  extends Leak,
    Pick<TokenRecord, "id" | "kind" | "subject" | "organization" | "name" | "createdBy"> {
  /** Whether the token is revoked by now. */
  readonly revoked: boolean;
}
