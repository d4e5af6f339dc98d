import type { TransactionSql } from "postgres";

/** What the mended driver has besides. */
export interface Supervised {
  /**
   * Fails what was handed over before the tick `since`; a connection that owes it is destroyed. What is not sent yet
   * and `isOver` is failed, too.
   */
  giveUp(since: number, failure: () => Error): void;
  /** The driver's own, with what its BEGIN is told. */
  begin(options: string, work: (transaction: TransactionSql) => unknown, waiting: Waiting): Promise<unknown>;
}

/** May be among the options of a statement. */
export interface Waiting {
  /** Whether nobody waits for it any more. */
  readonly isOver: () => boolean;
}

/** The tick that statements are stamped with when they are handed over. */
export declare const clock: { tick: number };
/** URL of the folder that it is in. */
export declare const home: string;
/** Names of the faults that are mended. */
export declare const mends: readonly string[] | undefined;
export { default } from "postgres";
