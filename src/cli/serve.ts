import { loadConfig } from "../config/load.js";
import { openPostgres } from "../database/database.js";
import { holdDriverRejections } from "../database/driver-rejections.js";
import { type Running, startServer } from "../server/server.js";
import { createLogger } from "../telemetry/log.js";
import { watchCertificateFiles } from "./certificate-files.js";
import { readConfigAndFiles, readMigrationConfig } from "./config.js";
import { withDatabase } from "./database.js";
import { messageOf } from "./fail.js";
import { tell } from "./output.js";
import { aborted, endWithin, exitCodeOf, takeHangups, takeSignals } from "./signals.js";

interface ConfigFile {
  readonly config?: string;
}

/** How long a start may go on after a signal, milliseconds, so that it can undo its registrations. */
const startGraceMs = 2_000;

/**
 * Runs the service until SIGTERM or SIGINT, also during the start. SIGHUP reads the configuration again and applies its
 * callers, issuers, catalogue, certificates and model, all or nothing. Certificates are also taken up when their files
 * change.
 */
export async function serve({ config: file }: ConfigFile): Promise<void> {
  const { config, certificateFiles } = readConfigAndFiles(file);
  const log = createLogger({ level: config.log.level });
  // Node would print its warnings as text between lines of JSON.
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => log.warn({ name }, message));
  const stopped = takeSignals((signal) => log.warn({ signal }, "second signal: ending at once"));
  const lift = endWithin(startGraceMs);
  holdDriverRejections((error) => log.error({ error }, "the database driver failed in a background task"));
  const database = openPostgres(config.database);
  let running: Running;
  try {
    running = await startServer({ config, database, log, onRisk: (risk, facts = {}) => log.warn(facts, risk) });
  } catch (error) {
    await database.close();
    if (stopped.aborted) process.exit(exitCodeOf(stopped.reason));
    throw error;
  }
  if (stopped.aborted) {
    // No client can know this replica yet, so there is no drain delay.
    await running.stop({ drainDelayMs: 0 });
    await database.close();
    process.exit(exitCodeOf(stopped.reason));
  }
  lift();
  const reload = async (): Promise<void> => {
    const next = loadConfig({ file, env: process.env });
    if (next.ok) await running.reload(next.config);
    else log.error({ problems: next.problems }, "the configuration has problems; nothing was reloaded");
  };
  // Reloads run one after the other, so that the configuration that was read last applies.
  let reloading = Promise.resolve();
  takeHangups(() => {
    reloading = reloading
      .then(reload)
      .catch((error: unknown) => log.error({ error }, "failed to reload the configuration"));
  });
  const watching = watchCertificateFiles(certificateFiles, {
    changed() {
      const next = loadConfig({ file, env: process.env });
      if (next.ok) running.renewCertificates(next.config);
      else {
        log.error(
          { problems: next.problems },
          "certificates have changed, but the configuration has problems; the old ones stay in use",
        );
      }
    },
    lost: (name, error) =>
      log.error(
        { file: name, cause: messageOf(error) },
        "cannot read this file of a certificate any more; what it had stays in use until a restart, which would fail",
      ),
    found: (name) => log.info({ file: name }, "can read this file of a certificate again"),
  });
  watching.start();
  await aborted(stopped);
  await watching.stop();
  await running.stop();
  await database.close();
}

/** Runs the missing migrations. Waits while another process runs them. */
export async function migrate({ config: file }: ConfigFile): Promise<void> {
  await withDatabase(readMigrationConfig(file).database, async (database) => {
    tell("migrating the database");
    await database.migrate();
    tell("the database schema is up to date");
  });
}
