import { existsSync } from "node:fs";
import type { z } from "zod";
import { type Config, configSchema, type MigrationConfig, migrationSchema } from "./config.js";
import { type Document, type ReadDocument, readDocument, resolveDocument } from "./document.js";
import { withEnvironment } from "./environment.js";
import { childOf, fileTwin, knownKeys } from "./known-keys.js";
import { otherSections } from "./other-sections.js";
import { describeIssue, keyOf, type Problem } from "./problem.js";

export interface ConfigSource {
  /** YAML or JSON. Default: `./patwarden.yaml` if it exists, otherwise only the environment. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The checked configuration, or all its problems. */
export type Loaded<T> =
  | { readonly ok: true; readonly config: T; readonly certificateFiles: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The file that is read when no file is named. */
export const defaultFile = "patwarden.yaml";

/**
 * Loads the configuration of `serve`, at the start and at SIGHUP. Names of files in it are relative to the working
 * directory.
 */
export function loadConfig(source: ConfigSource): Loaded<Config> {
  return checked(
    readKeys(source, () => true),
    wholeSchema,
  );
}

/** Checks a document as if it were read from a file. The environment is not read. */
export function configFromDocument(document: Document): Loaded<Config> {
  return checked(resolveDocument(document, knownKeys), wholeSchema);
}

/**
 * Loads the settings that `migrate` needs. Unknown keys are problems, but the values of other sections are not read, so
 * that their secrets may be missing.
 */
export function loadMigrationConfig(source: ConfigSource): Loaded<MigrationConfig> {
  return checked(
    readKeys(source, (key) => key === "log" || key === "database" || !childOf(knownKeys, key)),
    () => migrationSchema,
  );
}

const wholeSchema = (document: Document) => configSchema(otherSections(document));

/**
 * Reads file and environment as one document, and replaces names of files with their content. Of the top level, only
 * wanted keys are read.
 */
function readKeys({ file, env }: ConfigSource, wanted: (key: string) => boolean): ReadDocument {
  const chosen = file ?? (existsSync(defaultFile) ? defaultFile : undefined);
  const written = chosen === undefined ? { document: {}, problems: [] } : readDocument(chosen);
  if (!written.document) return written;
  const overlaid = withEnvironment(written.document, knownKeys, env);
  const kept = Object.fromEntries(Object.entries(overlaid.document).filter(([key]) => wanted(key)));
  const resolved = resolveDocument(kept, knownKeys);
  const { fromVariables } = overlaid;
  return { ...resolved, problems: [...overlaid.problems, ...resolved.problems], fromVariables };
}

function checked<T>(
  { document, problems, fromFiles, fromVariables, certificateFiles = [] }: ReadDocument,
  schemaFor: (document: Document) => z.ZodType<T>,
): Loaded<T> {
  if (!document) return { ok: false, problems };
  const parsed = schemaFor(document).safeParse(document, { error: describeIssue });
  if (parsed.success && problems.length === 0) return { ok: true, config: parsed.data, certificateFiles };
  const written = (key: string): string => (fromFiles?.has(key) ? fileTwin(key) : key);
  const found = (parsed.error?.issues ?? []).map(({ path, message: problem }) => ({
    key: written(keyOf(path)),
    problem,
  }));
  // A value whose file could not be read is absent too; the file has already been reported.
  const reported = new Set(problems.map(({ key }) => key));
  const all = [...problems, ...found.filter(({ key }) => !reported.has(key))];
  return {
    ok: false,
    problems: all.map(({ key, problem }) => {
      const variable = fromVariables?.get(key.replace(/\[\d+\]$/, ""));
      return { key, problem: variable === undefined ? problem : `${problem} (from ${variable})` };
    }),
  };
}
