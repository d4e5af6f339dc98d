import { createHmac } from "node:crypto";
import type { Config } from "./config.js";

/**
 * Returns a hash that is equal for replicas with equal configurations, including secrets: a metric shows when a replica
 * has an old one. The hash is keyed with the active pepper, because a reader of the metric could guess passwords by a
 * plain hash.
 */
export function configHash(config: Config): string {
  const pepper = config.tokens.peppers.find(({ active }) => active);
  if (!pepper) throw new Error("the configuration was checked but has no active pepper");
  const text = JSON.stringify(config, (_, value) => inOneOrder(value));
  return createHmac("sha256", pepper.key).update("patwarden configuration").update(text).digest("hex").slice(0, 16);
}

/** Sorts permissions, parameters and claims: their order in the file means nothing. Keeps the order of lists. */
function inOneOrder(value: unknown): unknown {
  if (value instanceof Set) return [...value].sort();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
