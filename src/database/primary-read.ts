import { sql } from "drizzle-orm";
import { Failure } from "../domain/errors.js";
import { onlyRow } from "./errors.js";

/*
 * Reads that only the primary may answer. A standby may lag behind, so it may lack a row that exists. The watch looks
 * for a standby only every two seconds. So a read that acts on a missing row, above all "no such token, so it is
 * revoked", also asks in the same statement whether a standby answers.
 */

/** The FROM clause of such a read: one row, to which the table is left-joined. */
export const answeringServer = sql`(select pg_is_in_recovery() as standby) answering`;

/** The column that `rowsFromPrimary` checks. */
export const standby = sql<boolean>`answering.standby`;

/** Returns the rows, at least one. Throws DATABASE_UNAVAILABLE when a standby answered. */
export function rowsFromPrimary<Row extends { readonly standby: boolean }>(rows: readonly Row[]): readonly Row[] {
  if (!onlyRow(rows).standby) return rows;
  throw new Failure("DATABASE_UNAVAILABLE", { cause: new Error("the database is a standby") });
}
