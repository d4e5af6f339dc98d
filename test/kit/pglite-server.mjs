// `patwarden serve --config FILE` with an embedded database in memory, and otherwise the same composition root.

import { aborted, listenForSignals, takeSignals } from "../../dist/cli/signals.js";
import { loadConfig } from "../../dist/config/load.js";
import { openPglite } from "../../dist/database/database.js";
import { startServer } from "../../dist/server/server.js";
import { createLogger } from "../../dist/telemetry/log.js";

listenForSignals();
const stopped = takeSignals();
const loaded = loadConfig({ file: process.argv[2], env: {} });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const log = createLogger({ level: loaded.config.log.level });
const database = await openPglite(undefined);
await database.migrate();
const running = await startServer({ config: loaded.config, database, log });
await aborted(stopped);
await running.stop();
await database.close();
