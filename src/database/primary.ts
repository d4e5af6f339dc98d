import { sql } from "drizzle-orm";
import { Failure } from "../domain/errors.js";
import { soleRow } from "./errors.js";

/*
 * A standby may lag behind: that it has no row does not mean that there is none. The watch looks only every two seconds, so a read whose "none" is an
 * answer, above all "no such token, so it is revoked", asks in the same statement who answers.
 */

/** The FROM of such a read: one row, to which what is looked for is left-joined. */
export const answering = sql`(select pg_is_in_recovery() as standby) answering`;

/** The column that `rowsOfPrimary` judges. */
export const standby = sql<boolean>`answering.standby`;

/** The rows, which are at least one. Throws DATABASE_UNAVAILABLE when a standby answered. */
export function rowsOfPrimary<Row extends { readonly standby: boolean }>(rows: readonly Row[]): readonly Row[] {
  if (!soleRow(rows).standby) return rows;
  throw new Failure("DATABASE_UNAVAILABLE", { cause: new Error("the database is a standby") });
}
