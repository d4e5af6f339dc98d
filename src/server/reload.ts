import type { Config } from "../config/config.js";
import { configHash } from "../config/config-hash.js";
import { restartKeys } from "../config/restart-keys.js";
import type { Parts } from "./parts.js";
import type { Ports } from "./ports.js";

/**
 * Returns a function that applies the callers, issuers, catalogue, certificates and model of another configuration, all
 * or nothing: it applies nothing when OpenFGA does not have the model. It logs the result and which keys need a
 * restart. Await it before you call it again.
 */
export function createReload(parts: Parts, ports: Ports): (next: Config) => Promise<void> {
  const { openfga, health, services, users, metrics, log } = parts;
  const { connection } = openfga;
  let current = parts.config;
  return async (next) => {
    const { modelId } = next.openfga;
    if (modelId !== connection.modelId) {
      const found = await connection.pin(modelId);
      if (found.kind !== "ready") {
        log.error(
          { modelId, problem: found.problem },
          "cannot read the authorization model; nothing was reloaded. Correct openfga.model_id or write that model, then send SIGHUP again; another openfga.store_id needs a restart",
        );
        return;
      }
    }
    if (hasExpired(parts, ports, next, "nothing was reloaded")) return;
    const { callers, issuers, catalog } = next;
    services.replace(callers);
    users.replace(issuers);
    parts.catalog.current = catalog;
    useCertificates(parts, ports, next);
    const keys = restartKeys(current, next);
    current = { ...current, callers, issuers, catalog, openfga: { ...current.openfga, modelId } };
    if (connection.state.kind === "ready") health.model(connection.model(), current);
    metrics.configured(configHash(current));
    const counts = { callers: callers.length, issuers: issuers.length };
    log.info({ ...counts, modelId }, "reloaded callers, issuers, catalog, certificates and model");
    if (keys.length > 0) log.warn({ keys }, "settings under these keys differ and need a restart");
  };
}

/** Uses the certificates of another configuration for new connections, unless one of them has expired. */
export function renewCertificates(parts: Parts, ports: Ports, next: Config): void {
  if (!hasExpired(parts, ports, next, "the old ones stay in use")) useCertificates(parts, ports, next);
}

function useCertificates({ log }: Parts, ports: Ports, next: Config): void {
  const { renewed, refused } = ports.renewCertificates(next);
  for (const certificate of renewed) log.info(certificate, "uses the new certificates for new connections");
  if (refused.length > 0) {
    log.warn(
      { ports: refused },
      "changed certificates need a restart: with grpc-js, or when client_ca comes or goes; the old ones stay in use",
    );
  }
}

/** Returns whether a certificate that is not in use yet has expired, and logs it: no client would accept it. */
function hasExpired({ clock, log }: Parts, ports: Ports, next: Config, consequence: string): boolean {
  const expired = ports.expiredCertificates(next, clock.now());
  if (expired.length > 0) log.error({ expired }, `these new certificates have expired; ${consequence}`);
  return expired.length > 0;
}
