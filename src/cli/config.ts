import { existsSync } from "node:fs";
import type { Config, MigrationConfig } from "../config/config.js";
import { defaultFile, type Loaded, loadConfig, loadMigrationConfig } from "../config/load.js";
import { fail } from "./fail.js";

/** Reads the configuration of `--config`. Ends the command with all its problems if there are any. */
export function readConfig(file: string | undefined): Config {
  return readConfigAndFiles(file).config;
}

/** The same, with the names of the files of its certificates. */
export function readConfigAndFiles(file: string | undefined): Ok<Config> {
  return loadedOr(loadConfig({ file, env: process.env }), file);
}

/** Reads the part of the configuration that commands need that only use the database. */
export function readMigrationConfig(file: string | undefined): MigrationConfig {
  return loadedOr(loadMigrationConfig({ file, env: process.env }), file).config;
}

type Ok<T> = Extract<Loaded<T>, { ok: true }>;

function loadedOr<T>(loaded: Loaded<T>, file: string | undefined): Ok<T> {
  if (loaded.ok) return loaded;
  const { length } = loaded.problems;
  const head = `the configuration has ${length} ${length === 1 ? "problem" : "problems"}:`;
  const lines = loaded.problems.map(({ key, problem }) => `  ${key === "" ? "the file" : key}: ${problem}`);
  const absent = file === undefined && !existsSync(defaultFile);
  const hint = absent ? [`  there is no ${defaultFile} in this folder; name the file with --config`] : [];
  return fail(new Error([head, ...lines, ...hint].join("\n")));
}
