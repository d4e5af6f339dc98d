import { existsSync } from "node:fs";
import type { z } from "zod";
import { type Config, configOf, type MigrationConfig, migrationConfigOf } from "./config.js";
import { type Document, type ReadDocument, readDocument, resolveDocument } from "./document.js";
import { withEnvironment } from "./environment.js";
import { childOf, fileTwin, keyTree } from "./key-tree.js";
import { describeIssue, keyOf, type Problem } from "./problem.js";
import { type FileContext, fileSchema, subjectsSchema } from "./schema.js";

export interface ConfigSource {
  /** YAML or JSON. Undefined: `./patwarden.yaml` if there is one, else the environment alone. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The checked configuration, or everything that is wrong with it. */
export type Loaded<T> =
  | { readonly ok: true; readonly config: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Read when no file is named. */
export const defaultFile = "patwarden.yaml";

/** For `serve`, at start and again at SIGHUP. Names of files in it count from the working directory. */
export function loadConfig(source: ConfigSource): Loaded<Config> {
  const read = readKeys(source, () => true);
  return checked(read, (document) => fileSchema(contextOf(document)), configOf);
}

/** The configuration that a document says, as a file that holds it would. The environment is left out. */
export function configFromDocument(document: Document): Loaded<Config> {
  return checked(resolveDocument(document, keyTree), (resolved) => fileSchema(contextOf(resolved)), configOf);
}

/** For `migrate`: all keys must exist, but only these are looked into, so that the other secrets need not be there. */
export function loadMigrationConfig(source: ConfigSource): Loaded<MigrationConfig> {
  const read = readKeys(source, (key) => key === "log" || key === "database" || !childOf(keyTree, key));
  return checked(
    read,
    (document) => fileSchema(contextOf(document)).pick({ log: true, database: true }),
    migrationConfigOf,
  );
}

/** File and environment as one document, secrets from files in place; of the top level only the keys that are wanted. */
function readKeys({ file, env }: ConfigSource, wanted: (key: string) => boolean): ReadDocument {
  const chosen = file ?? (existsSync(defaultFile) ? defaultFile : undefined);
  const written = chosen === undefined ? { document: {}, problems: [] } : readDocument(chosen);
  if (!written.document) return written;
  const overlaid = withEnvironment(written.document, keyTree, env);
  const kept = Object.fromEntries(Object.entries(overlaid.document).filter(([key]) => wanted(key)));
  const { document, problems } = resolveDocument(kept, keyTree);
  return { document, problems: [...overlaid.problems, ...problems] };
}

function checked<F, C>(
  { document, problems }: ReadDocument,
  schemaFor: (document: Document) => z.ZodType<F>,
  configOf: (file: F) => C,
): Loaded<C> {
  if (!document) return { ok: false, problems };
  const parsed = schemaFor(document).safeParse(document, { error: describeIssue });
  if (parsed.success && problems.length === 0) return { ok: true, config: configOf(parsed.data) };
  const found = (parsed.error?.issues ?? []).map(({ path, message }) => ({ key: keyOf(path), problem: message }));
  // A value whose file could not be read is absent too; the file has been told.
  const told = new Set(problems.map(({ key }) => key));
  return {
    ok: false,
    problems: [...problems, ...found.filter(({ key }) => !told.has(key) && !told.has(fileTwin(key)))],
  };
}

/** What the schema has to know beforehand. Where that is faulty itself, which the schema will tell, defaults will do. */
function contextOf(document: Document): FileContext {
  const types = subjectsSchema.safeParse(document["subjects"] ?? {}).data ?? subjectsSchema.parse({});
  const { issuer, exchange } = Object(Object(document["integrations"]).oauth);
  const { audiences } = Object(exchange);
  return {
    subjectTypes: { user: types.user_type, organization: types.organization_type },
    ownIssuer: typeof issuer === "string" ? issuer : undefined,
    exchangeAudiences: Array.isArray(audiences) ? audiences.filter((each) => typeof each === "string") : [],
    authenticationDisabled: document["dangerously_disable_caller_authentication"] === true,
    certificatesAsked: ["grpc", "http"].some((port) => Object.hasOwn(Object(Object(document[port]).tls), "client_ca")),
  };
}
