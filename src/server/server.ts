import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config.js";
import { configHash } from "../config/config-hash.js";
import type { Logger } from "../telemetry/log.js";
import { createMetricsServer, type MetricsServer } from "../telemetry/metrics-server.js";
import { serveIntegrations } from "./integrations.js";
import { createHousekeeping } from "./jobs.js";
import { type Stage, startInOrder } from "./lifecycle.js";
import { createParts, type Given, type Parts } from "./parts.js";
import { type PortAddresses, Ports } from "./ports.js";
import { createReload } from "./reload.js";

/** A server that listens. */
export interface Running extends PortAddresses {
  readonly metrics: string;
  /** Applies the callers, issuers and model of another configuration, see `createReload`. */
  reload(next: Config): Promise<void>;
  /**
   * Tells balancers and watchers, lets calls finish, closes ports and connections. The database stays open.
   *
   * @param options.drainDelayMs how long it goes on serving first. Default: `drain_delay` of the configuration.
   */
  stop(options?: { readonly drainDelayMs: number }): Promise<void>;
}

/**
 * Starts the server: the composition root. Resolves when all ports listen. Rejects, leaving nothing behind, when the
 * database does not answer or is not migrated, when a pepper does not fit what is stored, or when a port is taken. An
 * OpenFGA that is down does not stop the start, so that revoking stays reachable.
 */
export async function startServer(given: Given): Promise<Running> {
  const { config, log } = given;
  const parts = await createParts(given);
  const { health, metrics } = parts;
  warnOfPowers(config, log);
  const open: { addresses?: PortAddresses; metrics?: MetricsServer } = {};
  const stop = await startInOrder(stagesOf(parts, open));
  health.listening();
  metrics.configured(configHash(config));
  const { grpc, http, publicHttp } = open.addresses as PortAddresses; // its stage has started
  const addresses = { grpc, http, metrics: (open.metrics as MetricsServer).address }; // likewise
  log.info({ ...addresses, ...(publicHttp !== undefined && { public_http: publicHttp }) }, "listening");
  return {
    ...addresses,
    publicHttp,
    reload: createReload(parts),
    async stop({ drainDelayMs } = config) {
      log.info("draining");
      health.drain();
      await sleep(drainDelayMs);
      await stop();
      log.info("stopped");
    },
  };
}

/**
 * The stages in the order of their start. They stop in reverse: ports first, so that what serves them lasts as long as
 * calls do.
 */
function stagesOf(parts: Parts, open: { addresses?: PortAddresses; metrics?: MetricsServer }): readonly Stage[] {
  const { config, openfga, watch, revocation, refusals, usage, metrics } = parts;
  const integrations = serveIntegrations(parts);
  const { signingKeys, leakNotifier } = integrations;
  const housekeeping = createHousekeeping(parts, signingKeys);
  const ports = new Ports(parts, integrations);
  // What has begun may end within the grace; a statement of minutes ends with its connection.
  const withinGrace = (ending: Promise<unknown>) =>
    Promise.race([ending, sleep(config.graceMs, undefined, { ref: false })]);
  return [
    { name: "OpenFGA", start: () => openfga.connection.start(), stop: () => openfga.close() },
    { name: "database watch", start: () => watch.start(), stop: () => withinGrace(watch.stop()) },
    {
      name: "metrics port",
      start: async () => {
        open.metrics = await createMetricsServer(config.metrics, metrics.registry);
      },
      stop: () => open.metrics?.close(),
    },
    { name: "signing keys", start: () => signingKeys?.start() },
    { name: "revocation", start: () => startRevocation(parts), stop: () => revocation.stop() },
    {
      name: "jobs",
      start: () => {
        housekeeping.start();
        leakNotifier?.start();
      },
      stop: () => withinGrace(Promise.all([housekeeping.stop(), leakNotifier?.stop(), refusals.stop()])),
    },
    { name: "usage", start: () => usage.start(), stop: () => usage.stop() },
    {
      name: "ports",
      start: async () => {
        open.addresses = await ports.open();
      },
      stop: () => ports.drain(config.graceMs),
    },
  ];
}

/** Registers this replica, so that each change waits for it. */
async function startRevocation({ config, revocation, log }: Parts): Promise<void> {
  await revocation.start();
  if (config.tokenCache.leaseMs > 0 && !revocation.notified()) {
    log.warn(
      "no notifications arrive from the database, so a change takes until the next renewal; point database.listen_url at PostgreSQL itself, not at a pooler",
    );
  }
}

function warnOfPowers({ callers, dangerouslyDisableCallerAuthentication }: Config, log: Logger): void {
  if (dangerouslyDisableCallerAuthentication) {
    log.warn("CALLER AUTHENTICATION IS OFF: everybody who reaches a port is an administrator");
  }
  for (const { caller } of callers) {
    const { permissions, subjects } = caller;
    if (!subjects && (permissions.has("tokens.impersonate") || permissions.has("admin"))) {
      log.warn({ caller: caller.name }, "may create tokens for any subject; `subjects` would narrow it");
    }
  }
}
