import { DrizzleQueryError } from "drizzle-orm";
import { Failure } from "../domain/errors.js";

/** Runs a read. A database that does not answer is DATABASE_UNAVAILABLE; a defect stays one, without the values of the statement. */
export async function guarded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translate(error, "DATABASE_UNAVAILABLE");
  }
}

/**
 * The row of a statement that always has one. Its absence is no answer, and must not read as "nothing there". Statements that may have none rely on the
 * driver for it: an answer counts only when its end has come and counts as many rows (tools/driver/mends.mjs, "answers-are-whole").
 */
export function soleRow<Row>([row]: readonly Row[]): Row {
  if (row !== undefined) return row;
  throw new Failure("DATABASE_UNAVAILABLE", {
    cause: new Error("the database answered without the row that is always there"),
  });
}

/** Codes of the driver, of the system, of TLS and of its certificates for a connection that cannot be made or went away. */
const lost =
  /^(CONNECT\w+|E(?!RR_)\w+|ERR_(SSL|TLS)_\w+|\w*(CERT|CRL)(_\w+)?|UNABLE_TO_VERIFY_\w+|SASL_SIGNATURE_MISMATCH)$/;

/**
 * SQLSTATEs (PostgreSQL, appendix A) by which a statement was refused or undone for what passes, so that a repeat may go through. As the answer to COMMIT
 * they say that nothing was done.
 *
 * - 25006 a standby, or sessions that only read; 25P02 the statement before failed; 25P03, 25P04 the transaction stood still or took too long
 * - 26000, 42P05 a pooler hands another session the statements that were prepared in ours (`database.prepare`)
 * - 28, 3D this role or database is not let in
 * - 40 rolled back, by a dead-lock for example; 53 resources; 55P03 a lock that somebody holds; 57014 cancelled; 72 a snapshot too old
 */
const undone = /^(25006|25P0[234]|26000|42P05|28|3D|40(?!003)|53|55P03|57014|72)/;

/**
 * SQLSTATEs that say nothing of what became of a COMMIT: a server that is being shut down may end a session between it and the answer. 08 and 57P
 * connection, shutdown, starting up; 40003 said so; 58 and F0 the server's system; XX its defects, and what some poolers say of themselves (PgBouncer takes
 * 08P01).
 */
const unclear = /^(08|40003|57|58|F0|XX)/;

/** 0A000 is a defect of ours but here: a migration went on beside us, and the driver's repeat does not reach into transactions. */
const planChanged = "RevalidateCachedQuery";

/** What operators can do something about, mostly at the first start. */
const meanings: Readonly<Record<string, string>> = {
  "28P01": "the password is wrong",
  "28000": "pg_hba.conf admits this user not from here, or not without TLS",
  "3D000": "there is no database of this name; create it",
  "42501": "the role lacks a right",
  "53300": "the server has no connection left",
  "57P03": "the server is starting up or shutting down",
  ECONNREFUSED: "nothing listens at this host and port",
  ECONNRESET: "the server closed the connection, as one without TLS does where sslmode demands it",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "the name of the host cannot be looked up now",
  CONNECT_TIMEOUT: "the host did not answer",
  ETIMEDOUT: "the host did not answer",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "nobody trusts the server's certificate; name its authority by sslrootcert",
  SELF_SIGNED_CERT_IN_CHAIN: "nobody trusts the server's certificate; name its authority by sslrootcert",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "nobody trusts the server's certificate; name its authority by sslrootcert",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host",
};

/** Returns the Failure that an error of the database means, or the error itself when it is a defect of ours. */
export function translate(error: unknown, unavailable: "DATABASE_UNAVAILABLE" | "OUTCOME_UNKNOWN"): unknown {
  const failedQuery = error instanceof DrizzleQueryError;
  // Drizzle's own message holds the statement and every parameter.
  const driverError = failedQuery ? error.cause : error;
  const code = field(driverError, "code");
  // What a change threw to undo itself, and defects of ours.
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
