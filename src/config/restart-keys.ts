import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.js";

/** What SIGHUP takes up; everything else needs a restart. */
const reloadable: readonly (keyof Config)[] = ["callers", "issuers"];

/** Top-level keys of the file whose values differ in a way that a reload will not take up. */
export function restartKeys(previous: Config, next: Config): readonly string[] {
  const keys = Object.keys(next) as (keyof Config)[]; // configOf makes no others
  return keys
    .filter((key) => !reloadable.includes(key) && !isDeepStrictEqual(previous[key], next[key]))
    .map((key) => key.replace(/Ms$/, "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}
