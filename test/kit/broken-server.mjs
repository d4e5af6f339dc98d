// `patwarden serve --config FILE` with one step of the lease protocol left out, built from the product's parts: the
// tests of the promise must notice it. PATWARDEN_TEST_BROKEN is `no-wait`, `fills-unchecked`, or `endless-statements`,
// where statements have no time-out that a test could reach.

import { aborted, listenForSignals, takeSignals } from "../../dist/cli/signals.js";
import { loadConfig } from "../../dist/config/load.js";
import { openPostgres } from "../../dist/database/database.js";
import { Lease } from "../../dist/revocation/lease.js";
import { createRevocation } from "../../dist/revocation/revocation.js";
import { startServer } from "../../dist/server/server.js";
import { createLogger } from "../../dist/telemetry/log.js";

listenForSignals();
const stopped = takeSignals();
class UncheckedLease extends Lease {
  mayKeep() {
    return true;
  }
}

const broken = {
  "no-wait": (options) => ({ ...createRevocation(options), confirm: async () => undefined }),
  "endless-statements": createRevocation,
  "fills-unchecked": (options) => createRevocation({ ...options, createLease: (lease) => new UncheckedLease(lease) }),
}[process.env.PATWARDEN_TEST_BROKEN];
if (!broken) throw new Error("PATWARDEN_TEST_BROKEN names no step");

const loaded = loadConfig({ file: process.argv[2], env: {} });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const log = createLogger({ level: loaded.config.log.level });
const endless = process.env.PATWARDEN_TEST_BROKEN === "endless-statements" && { statementMs: 600_000 };
const database = openPostgres({ ...loaded.config.database, ...endless });
const running = await startServer({ config: loaded.config, database, log, createRevocation: broken });
await aborted(stopped);
await running.stop();
await database.close();
