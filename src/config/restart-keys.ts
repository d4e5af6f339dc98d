import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.js";

/** Removes the settings that SIGHUP applies; all others need a restart. */
function fixed(config: Config): Config {
  return { ...config, callers: [], issuers: [], catalog: undefined, openfga: { ...config.openfga, modelId: "" } };
}

/** Returns the top-level keys of the file that have changed and need a restart. */
export function restartKeys(previous: Config, next: Config): readonly string[] {
  const [before, after] = [fixed(previous), fixed(next)];
  const keys = Object.keys(after) as (keyof Config)[]; // config.ts has no other keys
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => key.replace(/Ms$/, "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}
