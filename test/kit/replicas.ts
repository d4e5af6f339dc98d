import type { TestClock } from "./clock.js";
import { openTestStore, type TestOpenFga } from "./openfga.js";
import type { Port } from "./ports.js";
import { createMigratedDatabase, type TestDatabase } from "./postgres.js";
import { type FaultProxy, startProxy, through } from "./proxy.js";
import { type Server, startServer } from "./server.js";

/** One of several processes over the same database, with its own connections. */
export interface Replica {
  readonly database: FaultProxy;
  readonly listen: FaultProxy;
  /** Changes with each start. */
  server(): Server;
  /** gRPC, with the administrator's key. */
  port(): Port;
  /** Kills the process with SIGKILL and starts a new one in its place. */
  kill(): Promise<void>;
  /** Freezes the process for this time. */
  freeze(ms: number): Promise<void>;
}

export interface Replicas {
  readonly all: readonly Replica[];
  readonly openfga: TestOpenFga;
  stop(): Promise<void>;
}

const model = `model
  schema 1.1
type user
type organization
  relations
    define member: [user]
    define admin: [user]
type document
  relations
    define viewer: [user, user:*, organization]
`;

export interface ReplicaSettings {
  /** Used instead of a database on the PostgreSQL of this run. It is migrated, and stopped with the replicas. */
  readonly database?: TestDatabase;
  /** Wall clocks of the replicas, in order. Default: the machine's. */
  readonly clocks?: readonly TestClock[];
}

/** Starts one replica for each lease. Everybody may view document:open. `broken`: see broken-server.mjs. */
export async function startReplicas(
  leases: readonly string[],
  broken?: "no-wait" | "fills-unchecked",
  settings: ReplicaSettings = {},
): Promise<Replicas> {
  const database = settings.database ?? (await createMigratedDatabase());
  const openfga = await openTestStore(model, [{ user: "user:*", relation: "viewer", object: "document:open" }]);
  const all: Replica[] = [];
  for (const [index, lease] of leases.entries()) {
    const [main, listen] = await Promise.all([startProxy(hostOf(database.url)), startProxy(hostOf(database.url))]);
    const start = () =>
      startServer({
        databaseUrl: database.url,
        openfga: { ...openfga, addresses: [openfga.grpc] },
        config: {
          database: {
            url: through(database.url, main),
            listen_url: through(database.url, listen),
            max_connections: 5,
            // So that statements can be recognized by their text.
            prepare: false,
          },
          token_cache: { lease },
        },
        env: { ...settings.clocks?.[index]?.env, ...(broken && { PATWARDEN_TEST_BROKEN: broken }) },
        ...(broken && { script: new URL("./broken-server.mjs", import.meta.url).pathname }),
      });
    let server = await start();
    all.push({
      database: main,
      listen,
      server: () => server,
      port: () => server.port("gRPC"),
      async kill() {
        await server.stop("SIGKILL");
        server = await start();
      },
      async freeze(ms) {
        const { child } = server;
        child.kill("SIGSTOP");
        await new Promise((resolve) => setTimeout(resolve, ms));
        child.kill("SIGCONT");
      },
    });
  }
  return {
    all,
    openfga,
    async stop() {
      await Promise.all(all.map((replica) => replica.server().stop()));
      await openfga.stop();
      await Promise.all(all.flatMap((replica) => [replica.database.close(), replica.listen.close()]));
      await database.stop();
    },
  };
}

const hostOf = (url: string): string => new URL(url).host;
