import { createHmac } from "node:crypto";
import type { Config } from "./config.js";

/**
 * The same for replicas whose configuration is the same in everything, secrets included, so that a metric can show one that is behind. The
 * active pepper is its key: a plain hash would let whoever reads the metric try out passwords.
 */
export function configHash(config: Config): string {
  const pepper = config.tokens.peppers.find(({ active }) => active);
  if (!pepper) throw new Error("a checked configuration has an active pepper");
  // configOf builds every object in one order of keys; only sets are in the order of the file.
  const text = JSON.stringify(config, (_, value) => (value instanceof Set ? [...value].sort() : value));
  return createHmac("sha256", pepper.key).update("patwarden configuration").update(text).digest("hex").slice(0, 16);
}
