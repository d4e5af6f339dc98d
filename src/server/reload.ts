import type { Config } from "../config/config.js";
import { configHash } from "../config/config-hash.js";
import { restartKeys } from "../config/restart-keys.js";
import type { Parts } from "./parts.js";

/**
 * Returns a function that applies the callers, issuers, catalogue and model of another configuration, all or nothing:
 * it applies nothing when OpenFGA does not have the model. It logs the result and which keys need a restart. Await it
 * before you call it again.
 */
export function createReload(parts: Parts): (next: Config) => Promise<void> {
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
    const { callers, issuers, catalog } = next;
    services.replace(callers);
    users.replace(issuers);
    parts.catalog.current = catalog;
    const keys = restartKeys(current, next);
    current = { ...current, callers, issuers, catalog, openfga: { ...current.openfga, modelId } };
    if (connection.state.kind === "ready") health.model(connection.model(), current);
    metrics.configured(configHash(current));
    const counts = { callers: callers.length, issuers: issuers.length };
    log.info({ ...counts, modelId }, "reloaded callers, issuers, catalog and model");
    if (keys.length > 0) log.warn({ keys }, "these keys differ and need a restart");
  };
}
