import { DrizzleQueryError, type SQL, sql } from "drizzle-orm";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { Failure } from "../domain/errors.js";

/** Runs a read. Fails with DATABASE_UNAVAILABLE when the database does not answer. Other errors are our own defects. */
export async function guarded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translate(error, "DATABASE_UNAVAILABLE");
  }
}

/**
 * Returns the row of a statement that always returns one. Throws DATABASE_UNAVAILABLE without a row, since the answer
 * was lost and must not be read as "none". Statements that may return no row rely on the driver, which accepts only
 * complete answers (tools/driver/mends.mjs, "answers-are-whole").
 */
export function onlyRow<Row>([row]: readonly Row[]): Row {
  if (row !== undefined) return row;
  throw new Failure("DATABASE_UNAVAILABLE", {
    cause: new Error("the database sent no row for a statement that always returns one"),
  });
}

/** Error codes of the driver, the system, TLS and certificates that mean that a connection failed or was lost. */
const lost =
  /^(CONNECT\w+|E(?!RR_)\w+|ERR_(SSL|TLS)_\w+|\w*(CERT|CRL)(_\w+)?|UNABLE_TO_VERIFY_\w+|SASL_SIGNATURE_MISMATCH)$/;

/**
 * SQLSTATEs (PostgreSQL, appendix A) of statements that were refused or rolled back for a temporary reason, so that a
 * retry may succeed. As the answer to COMMIT, they mean that nothing was committed.
 *
 * - 25006 a standby or a read-only session; 25P02 an earlier statement failed; 25P03, 25P04 the transaction was idle or
 *   took too long
 * - 26000, 42P05 a pooler has changed the session, so that a prepared statement is missing or already there
 *   (`database.prepare`)
 * - 28, 3D this role or database is refused
 * - 40 rolled back, for example by a deadlock; 53 resources are used up; 55P03 a lock is held; 57014 canceled; 72 the
 *   snapshot is too old
 */
const undone = /^(25006|25P0[234]|26000|42P05|28|3D|40(?!003)|53|55P03|57014|72)/;

/**
 * SQLSTATEs that do not tell whether a COMMIT took effect: a server that shuts down may end a session between COMMIT
 * and its answer. 08 and 57P are connection, shutdown and startup; 40003 says that the outcome is unknown; 58 and F0
 * are errors of the server's system and configuration; XX are internal errors of the server, and errors of some poolers
 * (PgBouncer uses 08P01).
 */
const unclear = /^(08|40003|57|58|F0|XX)/;

/**
 * The routine in a 0A000 error that a concurrent migration caused: the driver does not retry inside transactions. Any
 * other 0A000 error is our own defect.
 */
const planChanged = "RevalidateCachedQuery";

/** Explanations of errors that operators can fix, mostly at the first start. */
const meanings: Readonly<Record<string, string>> = {
  "28P01": "the password is wrong",
  "28000": "pg_hba.conf does not allow this user from this host, or not without TLS",
  "3D000": "the database does not exist; create it",
  "42501": "the role lacks a privilege",
  "53300": "the server has no free connection",
  "57P03": "the server is starting up or shutting down",
  ECONNREFUSED: "nothing listens at this host and port",
  ECONNRESET: "the server closed the connection, for example because it has no TLS and sslmode requires it",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "the name of the host cannot be looked up now",
  CONNECT_TIMEOUT: "the host did not answer",
  ETIMEDOUT: "the host did not answer",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is not trusted; set sslrootcert to the certificate of its CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not trusted; set sslrootcert to the certificate of its CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server's certificate is not trusted; set sslrootcert to the certificate of its CA",
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

/**
 * Returns the Failure that stands for a database error. A defect stays an error, without the statement and its values.
 */
export function translate(error: unknown, unavailable: "DATABASE_UNAVAILABLE" | "OUTCOME_UNKNOWN"): unknown {
  const failedQuery = error instanceof DrizzleQueryError;
  // The message of drizzle contains the statement and every parameter.
  const driverError = failedQuery ? error.cause : error;
  const code = field(driverError, "code");
  // An error that a change threw to roll itself back, or our own defect.
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

/** Returns the error of a failed migration: mostly it was run as the role that serves, which may create nothing. */
export function migrationError(error: unknown): unknown {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  if (field(cause, "code") !== "42501") return error;
  return new Error(
    "this role may not create schemas or tables; run `patwarden migrate` as the owner of the database, see docs/production.md",
    { cause },
  );
}

function field(error: unknown, name: string): string | undefined {
  if (typeof error !== "object" || error === null || !(name in error)) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}
