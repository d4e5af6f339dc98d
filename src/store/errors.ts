import { DrizzleQueryError } from "drizzle-orm";
import { Failure } from "../failure/failure.js";
import type { Database, Orm } from "./database.js";

/** Runs a read. A database that does not answer is DATABASE_UNAVAILABLE; a defect stays one, without the values of the statement. */
export async function guarded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw translate(error, "DATABASE_UNAVAILABLE");
  }
}

export type Transaction = Parameters<Parameters<Orm["transaction"]>[0]>[0];

/**
 * Runs a change: all of it happens or none. DATABASE_UNAVAILABLE: it did not happen. OUTCOME_UNKNOWN: the connection was lost
 * during COMMIT.
 */
export async function transact<T>(
  { orm }: Pick<Database, "orm">,
  change: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  let committing = false;
  try {
    return await orm.transaction(async (transaction) => {
      const result = await change(transaction);
      committing = true;
      return result;
    });
  } catch (error) {
    throw translate(error, committing ? "OUTCOME_UNKNOWN" : "DATABASE_UNAVAILABLE");
  }
}

/** The driver's own codes for a connection that is not there or went away. */
const lost =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED|CONNECT_TIMEOUT)|CONNECT_TIMEOUT|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN|NOENT))$/;

/** SQLSTATE 08 (connection) and 57P (shutdown, starting up). */
const connectionEnded = /^(08|57P)/;

/**
 * SQLSTATE 53 (resources), 57014 (cancelled), 40 (rolled back: dead-lock, serialization) and 25006 (a standby that cannot write): nothing was
 * done, also when it is the answer to COMMIT, and a repeat may go through.
 */
const passing = /^(53|57014|40|25006)/;

function translate(error: unknown, unavailable: "DATABASE_UNAVAILABLE" | "OUTCOME_UNKNOWN"): unknown {
  const failedQuery = error instanceof DrizzleQueryError;
  // Drizzle's own message holds the statement and every parameter.
  const driverError = failedQuery ? error.cause : error;
  const code = field(driverError, "code");
  // What a change threw to undo itself, and defects of ours.
  if (error instanceof Failure || (!failedQuery && code === undefined)) return error;
  const constraint = field(driverError, "constraint_name") ?? field(driverError, "constraint") ?? "";
  const cause = new Error(`database error ${code ?? "without code"} ${constraint}`.trim());
  if (code === undefined) return cause;
  if (lost.test(code)) return new Failure(unavailable, { cause });
  // A server that is being shut down may end a session between its COMMIT and the answer to it.
  if (connectionEnded.test(code)) return new Failure(unavailable, { cause });
  if (passing.test(code)) return new Failure("DATABASE_UNAVAILABLE", { cause });
  return cause;
}

function field(error: unknown, name: string): string | undefined {
  if (typeof error !== "object" || error === null || !(name in error)) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}
