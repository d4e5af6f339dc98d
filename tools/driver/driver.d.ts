/** What the mended driver has besides. */
export interface Supervised {
  /** Fails what was handed over before the tick `since`; a connection that owes it is destroyed. */
  giveUp(since: number, failure: () => Error): void;
}

/** The tick that statements are stamped with when they are handed over. */
export declare const clock: { tick: number };
/** URL of the folder that it is in. */
export declare const home: string;
/** Names of the faults that are mended. */
export declare const mends: readonly string[] | undefined;
export { default } from "postgres";
