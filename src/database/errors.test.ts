import { DrizzleQueryError } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { Failure } from "../domain/errors.js";
import { transact } from "./change.js";
import { guarded, migrationError } from "./errors.js";

/** Returns an error as the driver reports it through drizzle. */
const failed = (code: string, over: object = {}): Error =>
  new DrizzleQueryError("select 1", [], Object.assign(new Error("secret values"), { code, ...over }));

const outcome = (error: unknown): string => (error instanceof Failure ? error.reason : "defect");

/** Returns what an error becomes in a read, in a statement of a change, and in its COMMIT. */
async function outcomes(error: Error): Promise<readonly string[]> {
  type Orm = Parameters<typeof transact>[0]["orm"];
  // A fake database, since a real one cannot be made to send most of these errors.
  const orm = {
    transaction: async (work: (transaction: never) => Promise<unknown>) => {
      await work({ session: { client: { commit: { state: {} } } } } as never);
      throw error;
    },
  } as unknown as Orm;
  const told = (promise: Promise<unknown>) => promise.then(() => "done", outcome);
  return [
    await told(guarded(() => Promise.reject(error))),
    await told(transact({ orm }, () => Promise.reject(error))),
    await told(transact({ orm }, () => Promise.resolve())),
  ];
}

const undone = ["DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE"];
const unclear = ["DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"];
const defect = ["defect", "defect", "defect"];

describe("B7 an error of the database", () => {
  // PostgreSQL, appendix A: a code of every class, and every code that differs from its class.
  it.each<[string, readonly string[], readonly string[]]>([
    ["no data, a statement of ours not complete, a triggered action", defect, ["02000", "03000", "09000"]],
    ["connection", unclear, ["08000", "08003", "08006", "08001", "08004", "08007", "08P01"]],
    [
      "a feature that is not there, initiation, locator, grantor, role",
      defect,
      ["0A000", "0B000", "0F000", "0L000", "0P000"],
    ],
    ["diagnostics, no XQuery case, cardinality", defect, ["0Z000", "10608", "20000", "21000"]],
    ["data", defect, ["22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05"]],
    ["integrity", defect, ["23000", "23502", "23503", "23505", "23514", "23P01"]],
    ["cursor, transaction state", defect, ["24000", "25000", "25001", "25P01"]],
    ["sessions that only read, and what has ended a transaction", undone, ["25006", "25P02", "25P03", "25P04"]],
    ["a prepared statement that is another session's", undone, ["26000", "42P05"]],
    [
      "a trigger, dependents, termination, routines, cursor names",
      defect,
      ["27000", "2B000", "2D000", "2F000", "34000"],
    ],
    ["not let in", undone, ["28000", "28P01", "3D000"]],
    ["external routines, savepoints, schemas", defect, ["38000", "39000", "3B000", "3F000"]],
    ["rolled back", undone, ["40000", "40001", "40002", "40P01"]],
    ["rolled back or not", unclear, ["40003"]],
    [
      "syntax and access rules, WITH CHECK OPTION",
      defect,
      ["42000", "42501", "42601", "42703", "42883", "42P01", "44000"],
    ],
    ["resources", undone, ["53000", "53100", "53200", "53300", "53400"]],
    ["limits of programs", defect, ["54000", "54001", "54011"]],
    ["objects in another state", defect, ["55000", "55006", "55P02", "55P04"]],
    ["a lock that somebody holds", undone, ["55P03"]],
    ["cancelled", undone, ["57014"]],
    ["the operator", unclear, ["57000", "57P01", "57P02", "57P03", "57P04", "57P05"]],
    ["the system, the configuration", unclear, ["58000", "58030", "58P01", "58P02", "F0000", "F0001"]],
    ["an old snapshot", undone, ["72000"]],
    ["foreign data, PL/pgSQL", defect, ["HV000", "P0000", "P0001"]],
    ["a defect of PostgreSQL or of a pooler", unclear, ["XX000", "XX001", "XX002"]],
  ])("of the class %s", async (_class, expected, codes) => {
    for (const code of codes) expect([code, await outcomes(failed(code))]).toEqual([code, expected]);
  });

  it.each([
    "CONNECTION_CLOSED",
    "CONNECTION_ENDED",
    "CONNECTION_DESTROYED",
    "CONNECT_TIMEOUT",
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "ECONNABORTED",
    "EHOSTDOWN",
    "EADDRNOTAVAIL",
    "EMFILE",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ENOENT",
    "EPROTO",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "SASL_SIGNATURE_MISMATCH",
  ])("of the connection, %s", async (code) => {
    expect(await outcomes(failed(code))).toEqual(unclear);
  });

  it.each(["UNDEFINED_VALUE", "MAX_PARAMETERS_EXCEEDED", "UNSAFE_TRANSACTION", "ERR_INVALID_ARG_TYPE"])(
    "that is the fault of the statement, %s, stays a defect",
    async (code) => {
      expect(await outcomes(failed(code))).toEqual(defect);
    },
  );

  it("that a concurrent migration has caused is temporary", async () => {
    expect(await outcomes(failed("0A000", { routine: "RevalidateCachedQuery" }))).toEqual(undone);
  });

  it("shows its code in the log, but not the statement or its values", async () => {
    const error: unknown = await guarded(() => Promise.reject(failed("55P03"))).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ cause: { message: "database error 55P03" } });
    const late: unknown = await guarded(() => Promise.reject(failed("28P01"))).catch((thrown: unknown) => thrown);
    expect(late).toMatchObject({ cause: { message: "database error 28P01: the password is wrong" } });
    const of = await guarded(() => Promise.reject(failed("23505", { constraint_name: "token_pkey" }))).catch(
      (thrown: unknown) => thrown,
    );
    expect(of).toMatchObject({ message: "database error 23505 token_pkey" });
  });
});

it("a migration by a role that may create nothing says who must run it, without the statement", () => {
  const refused = migrationError(failed("42501")) as Error;
  expect(refused.message).toMatch(/^this role may not create schemas or tables; run `patwarden migrate` as the owner/);
  expect(refused.message).not.toContain("select");
  const other = failed("42P07");
  expect(migrationError(other)).toBe(other);
});
