import { existsSync } from "node:fs";
import type { Config, MigrationConfig } from "../config/config.js";
import { defaultFile, type Loaded, loadConfig, loadMigrationConfig } from "../config/load.js";
import { fail } from "./fail.js";

/** Reads the configuration of `--config`. Ends the command with all its problems if there are any. */
export function readConfig(file: string | undefined): Config {
  return configOr(loadConfig({ file, env: process.env }), file);
}

/** Reads the part of the configuration that commands need that only use the database. */
export function readMigrationConfig(file: string | undefined): MigrationConfig {
  return configOr(loadMigrationConfig({ file, env: process.env }), file);
}

function configOr<T>(loaded: Loaded<T>, file: string | undefined): T {
  if (loaded.ok) return loaded.config;
  const { length } = loaded.problems;
  const head = `the configuration has ${length} ${length === 1 ? "problem" : "problems"}:`;
  const lines = loaded.problems.map(({ key, problem }) => `  ${key === "" ? "the file" : key}: ${problem}`);
  const absent = file === undefined && !existsSync(defaultFile);
  const hint = absent ? [`  there is no ${defaultFile} in this folder; name the file with --config`] : [];
  return fail(new Error([head, ...lines, ...hint].join("\n")));
}
