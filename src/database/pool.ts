import type { ConnectionOptions } from "node:tls";
import postgres, * as driver from "#postgres";
import type { DatabaseAddress, DatabaseTls } from "../config/database-address.js";
import { sessionParameters, sessionTypes } from "./session.js";
import { supervise } from "./supervision.js";

const connectTimeoutMs = 2_000;
/** Longest time before a lost connection is made again. The driver's grows to 20 s, which its next statement waits out, however long the database has been well again. */
const longestReconnectSeconds = 0.1;

/** Throws with what to do when this is the driver as it is published: with it a lost connection can end the process, or lose an answer. */
export function requireMended(found: object): void {
  if ("mends" in found) return;
  throw new Error("the PostgreSQL driver is not the mended one of this package: build or install patwarden again");
}

/** Connections to one database, each statement of which ends within a limit. */
export interface Pool {
  readonly sql: postgres.Sql;
  /** Waits so long for statements that run, seconds, and leaves nothing open. */
  end(timeoutSeconds: number): Promise<void>;
}

/** Connects lazily. `limitMs` is the longest time for one statement. */
export function openPool(
  address: DatabaseAddress,
  options: postgres.Options<Record<string, postgres.PostgresType>>,
  limitMs: number,
): Pool {
  requireMended(driver);
  const sql = postgres<Record<string, postgres.PostgresType>>({
    ...placeOf(address),
    // Said in any case: what is not, the driver takes from variables such as PGSSL.
    ssl: tlsOptions(address.tls),
    connect_timeout: address.connectTimeoutSeconds ?? connectTimeoutMs / 1000,
    keep_alive: 1,
    backoff: (failures) => Math.min(3 ** failures / 100, longestReconnectSeconds),
    connection: { application_name: "patwarden", ...address.parameters, ...sessionParameters },
    types: sessionTypes,
    // It is asked for before the first statement of each connection; drizzle reads and writes arrays itself.
    fetch_types: false,
    // Notices can hold data, and the default prints them to stdout.
    onnotice: () => undefined,
    ...options,
  });
  const supervision = supervise({ pool: sql as postgres.Sql & driver.Supervised, limitMs }); // of the mended driver
  return {
    sql,
    async end(timeoutSeconds) {
      await sql.end({ timeout: timeoutSeconds });
      supervision.stop();
    },
  };
}

type DriverOptions = postgres.Options<Record<string, postgres.PostgresType>>;

function placeOf({ hosts, user, password, database, sessions }: DatabaseAddress): DriverOptions {
  const [first] = hosts;
  return {
    ...(first?.host.startsWith("/")
      ? { path: `${first.host}/.s.PGSQL.${first.port}` }
      : {
          // Declared as one of each, of which the driver would split a host at its colons. It takes lists too (parseOptions).
          host: hosts.map(({ host }) => host) as string[] & string,
          port: hosts.map(({ port }) => port) as number[] & number,
        }),
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(sessions && { target_session_attrs: sessions }),
  };
}

/** As libpq: `require` keeps off who only reads, `verify-ca` takes a certificate for any name. */
function tlsOptions({ mode, ca, cert, key }: DatabaseTls): false | "prefer" | ConnectionOptions {
  if (mode === "disable") return false;
  if (mode === "prefer") return "prefer";
  return {
    rejectUnauthorized: mode !== "require",
    ...(mode === "verify-ca" && { checkServerIdentity: () => undefined }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key }),
  };
}
