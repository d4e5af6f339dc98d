import { DrizzleQueryError, type SQL, sql } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { Failure } from "../domain/errors.js";

/** Runs a read. Fails with DATABASE_UNAVAILABLE when the database does not answer; a defect stays one. */
export async function guarded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translate(error, "DATABASE_UNAVAILABLE");
  }
}

/**
 * Returns the row of a statement that always has one. Without it there is no answer, which must not read as "none".
 * Statements that may have no row rely on the driver: an answer counts only when it is complete
 * (tools/driver/mends.mjs, "answers-are-whole").
 */
export function onlyRow<Row>([row]: readonly Row[]): Row {
  if (row !== undefined) return row;
  throw new Failure("DATABASE_UNAVAILABLE", {
    cause: new Error("the database answered without the row that is always there"),
  });
}

/** Codes of the driver, the system, TLS and certificates for a connection that failed or was lost. */
const lost =
  /^(CONNECT\w+|E(?!RR_)\w+|ERR_(SSL|TLS)_\w+|\w*(CERT|CRL)(_\w+)?|UNABLE_TO_VERIFY_\w+|SASL_SIGNATURE_MISMATCH)$/;

/**
 * SQLSTATEs (PostgreSQL, appendix A) of statements that were refused or undone for a passing reason, so that a repeat
 * may succeed. As the answer to COMMIT they say that nothing was done.
 *
 * - 25006 a standby or a read-only session; 25P02 the statement before failed; 25P03, 25P04 the transaction was idle
 *   or took too long
 * - 26000, 42P05 a pooler hands another session the statements that were prepared in ours (`database.prepare`)
 * - 28, 3D this role or database is refused
 * - 40 rolled back, for example by a deadlock; 53 resources; 55P03 a lock that is held; 57014 cancelled; 72 a snapshot
 *   that is too old
 */
const undone = /^(25006|25P0[234]|26000|42P05|28|3D|40(?!003)|53|55P03|57014|72)/;

/**
 * SQLSTATEs that do not say whether a COMMIT happened: a server that shuts down may end a session between COMMIT and
 * its answer. 08 and 57P are connection, shutdown and start; 40003 says that it is unknown; 58 and F0 are the server's
 * system; XX are its defects, and what some poolers report of themselves (PgBouncer uses 08P01).
 */
const unclear = /^(08|40003|57|58|F0|XX)/;

/**
 * 0A000 is a defect of ours, except when a migration runs meanwhile: the driver does not repeat inside transactions.
 */
const planChanged = "RevalidateCachedQuery";

/** Explanations of faults that operators can mend, mostly at the first start. */
const meanings: Readonly<Record<string, string>> = {
  "28P01": "the password is wrong",
  "28000": "pg_hba.conf does not admit this user from here, or not without TLS",
  "3D000": "there is no database of this name; create it",
  "42501": "the role lacks a privilege",
  "53300": "the server has no connection left",
  "57P03": "the server is starting up or shutting down",
  ECONNREFUSED: "nothing listens at this host and port",
  ECONNRESET: "the server closed the connection, as one without TLS does where sslmode demands it",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "cannot look up the name of the host now",
  CONNECT_TIMEOUT: "the host did not answer",
  ETIMEDOUT: "the host did not answer",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is not trusted; name its authority with sslrootcert",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not trusted; name its authority with sslrootcert",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not trusted; name its authority with sslrootcert",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host",
};

/** Returns the value of an expression. */
export async function evaluate<T>(
  reader: Pick<PgDatabase<PgQueryResultHKT>, "select">,
  expression: SQL<T>,
): Promise<T> {
  const rows = await reader.select({ value: expression }).from(sql`(values (1)) as one`);
  return onlyRow(rows).value as T; // as SQL<T> says
}

/** Returns the Failure that an error of the database means, or the error itself when it is a defect of ours. */
export function translate(error: unknown, unavailable: "DATABASE_UNAVAILABLE" | "OUTCOME_UNKNOWN"): unknown {
  const failedQuery = error instanceof DrizzleQueryError;
  // The message of drizzle contains the statement and every parameter.
  const driverError = failedQuery ? error.cause : error;
  const code = field(driverError, "code");
  // An error that a change threw to undo itself, or a defect of ours.
  if (error instanceof Failure || (!failedQuery && code === undefined)) return error;
  const constraint = field(driverError, "constraint_name") ?? field(driverError, "constraint") ?? "";
  const what = [code ?? "without code", constraint].join(" ").trim();
  const meaning = meanings[code ?? ""];
  const cause = new Error(`database error ${what}${meaning === undefined ? "" : `: ${meaning}`}`);
  if (code === undefined) return cause;
  if (undone.test(code) || field(driverError, "routine") === planChanged) {
    return new Failure("DATABASE_UNAVAILABLE", { cause });
  }
  if (lost.test(code) || unclear.test(code)) return new Failure(unavailable, { cause });
  return cause;
}

function field(error: unknown, name: string): string | undefined {
  if (typeof error !== "object" || error === null || !(name in error)) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}
