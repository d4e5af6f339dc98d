import type { ConnectionOptions } from "node:tls";
import postgres, * as driver from "#postgres";
import type { DatabaseAddress, DatabaseTls } from "../config/database-address.js";
import { sessionParameters, sessionTypes } from "./session.js";
import { limitStatements } from "./statement-timeout.js";

const connectTimeoutMs = 2_000;
/**
 * The longest pause before a reconnection, seconds. The back-off of the driver itself grows to 20 s, and statements
 * would wait for it even after the database has recovered.
 */
const longestReconnectSeconds = 0.1;

/** Throws for the published driver, with which a lost connection can end the process or lose an answer. */
export function requireMended(found: object): void {
  if ("mends" in found) return;
  throw new Error("the PostgreSQL driver is not the patched one of this package; build or install patwarden again");
}

/** Connections to one database. Each of their statements ends within a limit. */
export interface Pool {
  readonly sql: postgres.Sql;
  /** Waits up to `timeoutSeconds` for running statements, then closes all connections. */
  end(timeoutSeconds: number): Promise<void>;
}

/** Connects lazily. `limitMs` is the longest time for one statement, the wait for a connection included. */
export function openPool(
  address: DatabaseAddress,
  options: postgres.Options<Record<string, postgres.PostgresType>>,
  limitMs: number,
): Pool {
  requireMended(driver);
  const sql = postgres<Record<string, postgres.PostgresType>>({
    ...placeOf(address),
    // Always set: otherwise the driver reads it from environment variables such as PGSSL.
    ssl: tlsOptions(address.tls),
    connect_timeout: address.connectTimeoutSeconds ?? connectTimeoutMs / 1000,
    keep_alive: 1,
    backoff: (failures) => Math.min(3 ** failures / 100, longestReconnectSeconds),
    connection: { application_name: "patwarden", ...address.parameters, ...sessionParameters },
    types: sessionTypes,
    // Fetching types costs a round trip before the first statement of each connection. Drizzle handles arrays itself.
    fetch_types: false,
    // Notices may contain data, and the default prints them to stdout.
    onnotice: () => undefined,
    ...options,
  });
  const limit = limitStatements({ pool: sql as postgres.Sql & driver.Supervised, limitMs }); // of the mended driver
  return {
    sql,
    async end(timeoutSeconds) {
      await sql.end({ timeout: timeoutSeconds });
      limit.stop();
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
          // The driver splits a single host at its colons. It also accepts lists (parseOptions), although its types do
          // not declare them.
          host: hosts.map(({ host }) => host) as string[] & string,
          port: hosts.map(({ port }) => port) as number[] & number,
        }),
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(sessions && { target_session_attrs: sessions }),
  };
}

/** Follows libpq: `require` checks no certificate, `verify-ca` accepts a certificate for any name. */
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
