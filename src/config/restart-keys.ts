import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.js";

/** Leaves out what SIGHUP takes up; everything else needs a restart. */
function fixed(config: Config): Config {
  return { ...config, callers: [], issuers: [], openfga: { ...config.openfga, modelId: "" } };
}

/** Top-level keys of the file whose values differ in a way that a reload will not take up. */
export function restartKeys(previous: Config, next: Config): readonly string[] {
  const [before, after] = [fixed(previous), fixed(next)];
  const keys = Object.keys(after) as (keyof Config)[]; // config.ts makes no others
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => key.replace(/Ms$/, "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}
