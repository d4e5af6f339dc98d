import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config.js";
import { configHash } from "../config/config-hash.js";
import { type Addresses, startParts } from "./lifecycle.js";
import { createParts, type Given } from "./parts.js";
import { createReload, renewCertificates } from "./reload.js";

/** A server that listens. */
export interface Running extends Addresses {
  /** Applies the settings of another configuration that need no restart, see `createReload`. */
  reload(next: Config): Promise<void>;
  /** Uses the certificates of another configuration for new connections, and nothing else of it. */
  renewCertificates(next: Config): void;
  /**
   * Reports "not serving" to balancers and watchers, lets calls finish, and closes ports and connections. The database
   * stays open.
   *
   * @param options.drainDelayMs how long it still serves calls first. Default: `drain_delay` of the configuration.
   */
  stop(options?: { readonly drainDelayMs: number }): Promise<void>;
}

/**
 * Starts the server: the composition root. Resolves when all ports listen. Rejects, leaving nothing behind, when the
 * database does not answer or is not migrated, when a pepper does not match the stored tokens, or when a port is taken.
 * The server also starts while OpenFGA is down, so that tokens can be revoked.
 */
export async function startServer(given: Given): Promise<Running> {
  const { config, log, onRisk } = given;
  const parts = await createParts(given);
  const { health, metrics } = parts;
  if (onRisk) tellPowers(config, onRisk);
  const { value, stop } = await startParts(parts);
  const { addresses, ports } = value;
  health.listening();
  metrics.configured(configHash(config));
  const { publicHttp, console, ...always } = addresses;
  const some = {
    ...(publicHttp !== undefined && { public_http: publicHttp }),
    ...(console !== undefined && { console }),
  };
  log.info({ ...always, ...some, grpc_engine: config.grpc.engine }, "listening");
  return {
    ...addresses,
    reload: createReload(parts, ports),
    renewCertificates: (next) => renewCertificates(parts, ports, next),
    async stop({ drainDelayMs } = config) {
      log.info("draining");
      health.drain();
      await sleep(drainDelayMs);
      await stop();
      log.info("stopped");
    },
  };
}

function tellPowers(
  { callers, dangerouslyDisableCallerAuthentication }: Config,
  onRisk: NonNullable<Given["onRisk"]>,
): void {
  if (dangerouslyDisableCallerAuthentication) {
    onRisk("CALLER AUTHENTICATION IS OFF: everybody who can connect to a port is an administrator");
  }
  for (const { caller } of callers) {
    const { permissions, subjects } = caller;
    if (!subjects && (permissions.has("tokens.impersonate") || permissions.has("admin"))) {
      onRisk("this caller may create tokens for any subject; set its `subjects` to restrict it", {
        caller: caller.name,
      });
    }
  }
}
