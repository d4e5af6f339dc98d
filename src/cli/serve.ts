import { loadConfig } from "../config/load.js";
import { openPostgres } from "../database/database.js";
import { holdDriverRejections } from "../database/driver-rejections.js";
import { type Running, startServer } from "../server/server.js";
import { createLogger } from "../telemetry/log.js";
import { readConfig, readMigrationConfig } from "./config.js";
import { withDatabase } from "./database.js";
import { tell } from "./output.js";
import { aborted, endWithin, exitCodeOf, takeHangups, takeSignals } from "./signals.js";

interface ConfigFile {
  readonly config?: string;
}

/** How long a start may go on after it was asked to stop, so that it takes back what it has registered. */
const startGraceMs = 2_000;

/**
 * Runs until SIGTERM or SIGINT, also during the start; SIGHUP reads the configuration again and takes up its callers,
 * issuers and model, all or nothing.
 */
export async function serve({ config: file }: ConfigFile): Promise<void> {
  const config = readConfig(file);
  const log = createLogger({ level: config.log.level });
  // Node prints its warnings as text, among lines of JSON.
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ name }, message));
  const stopped = takeSignals((signal) => log.warn({ signal }, "second signal: ending at once"));
  const lift = endWithin(startGraceMs);
  holdDriverRejections((error) => log.error({ error }, "the database driver failed in work of its own"));
  const database = openPostgres(config.database);
  let running: Running;
  try {
    running = await startServer({ config, database, log });
  } catch (error) {
    await database.close();
    if (stopped.aborted) process.exit(exitCodeOf(stopped.reason));
    throw error;
  }
  if (stopped.aborted) {
    // Nobody was told that it is there.
    await running.stop({ drainDelayMs: 0 });
    await database.close();
    process.exit(exitCodeOf(stopped.reason));
  }
  lift();
  const reload = async (): Promise<void> => {
    const next = loadConfig({ file, env: process.env });
    if (next.ok) await running.reload(next.config);
    else log.error({ problems: next.problems }, "the configuration is faulty; nothing was reloaded");
  };
  // One after the other: what was read last is what holds.
  let reloading = Promise.resolve();
  takeHangups(() => {
    reloading = reloading.then(reload).catch((error: unknown) => log.error({ error }, "the reload failed"));
  });
  await aborted(stopped);
  await running.stop();
  await database.close();
}

/** Runs what migrations are missing, waiting for another process that does. */
export async function migrate({ config: file }: ConfigFile): Promise<void> {
  await withDatabase(readMigrationConfig(file).database, async (database) => {
    tell("migrating the database");
    await database.migrate();
    tell("the database schema is up to date");
  });
}
