import type { TransactionSql } from "postgres";

/** The functions that the mended driver adds. */
export interface Supervised {
  /**
   * Fails the statements that were passed to the driver before the tick `since`, and destroys connections that still
   * owe an answer to one. Also fails statements that are not sent yet and whose `isOver` returns true.
   */
  giveUp(since: number, failure: () => Error): void;
  /** The driver's own `begin`, with options for its BEGIN statement. */
  begin(options: string, work: (transaction: TransactionSql) => unknown, waiting: Waiting): Promise<unknown>;
}

/** A transaction of the mended driver. */
export interface Committing extends TransactionSql {
  /** COMMIT, once the work of the transaction is done. Its `state` is null until it was sent. */
  readonly commit?: { readonly state: object | null };
}

/** May be part of the options of a statement. */
export interface Waiting {
  /** Returns whether no caller waits for the statement any more. */
  readonly isOver: () => boolean;
}

/** The tick that a statement gets when it is passed to the driver. */
export declare const clock: { tick: number };
/** URL of the driver's folder. */
export declare const home: string;
/** Names of the faults that are mended. */
export declare const mends: readonly string[] | undefined;
export { default } from "postgres";
