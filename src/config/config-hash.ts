import { createHmac } from "node:crypto";
import type { Config } from "./config.js";

/**
 * Returns the same for replicas whose configuration is the same in everything, secrets included, so that a metric can
 * show one that is behind. The active pepper is its key: with a plain hash, a reader of the metric could try out
 * passwords.
 */
export function configHash(config: Config): string {
  const pepper = config.tokens.peppers.find(({ active }) => active);
  if (!pepper) throw new Error("a checked configuration has an active pepper");
  const text = JSON.stringify(config, (_, value) => inOneOrder(value));
  return createHmac("sha256", pepper.key).update("patwarden configuration").update(text).digest("hex").slice(0, 16);
}

/** Permissions, parameters and claims are in the order of the file, which means nothing. The order of a list does. */
function inOneOrder(value: unknown): unknown {
  if (value instanceof Set) return [...value].sort();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
