import type { TokenRecord } from "../domain/token.js";

/** Who tells of leaks: the programs that scan for secrets and sign what they say, or anybody. */
export const scanningProviders = ["github", "gitlab"] as const;
export type ScanningProvider = (typeof scanningProviders)[number];
export type LeakReporter = ScanningProvider | "anybody";

/** A text that was found where it should not be. Whether it is a secret of ours is still to be seen. */
export interface FoundText {
  readonly text: string;
  /** Where, as its finder says; empty: not told. */
  readonly url: string;
  /** In what, such as `commit`, as its finder says; empty: not told. */
  readonly source: string;
}

/** That a token leaked, as first reported. */
export interface Leak {
  readonly reporter: LeakReporter;
  /** Up to 2,000 characters, none of them deceptive. */
  readonly url: string;
  /** Up to 100 characters, none of them deceptive. */
  readonly source: string;
  /** The secret that was found. */
  readonly hint: string;
  readonly time: Date;
}

/** What the people concerned have to know about a leaked token. */
export interface LeakNotice
  extends Leak,
    Pick<TokenRecord, "id" | "kind" | "subject" | "organization" | "name" | "createdBy"> {
  /** Whether the token is revoked by now. */
  readonly revoked: boolean;
}
