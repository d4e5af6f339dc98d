import { nearest } from "../domain/nearest.js";
import { type Document, isMapping, type Value } from "./document.js";
import { fileTwin, type KeyTree, withoutFile } from "./known-keys.js";
import { keyOf, type Problem } from "./problem.js";

/** A variable that stands for a key of the file. */
interface Variable {
  readonly path: readonly string[];
  readonly type: KeyTree["type"];
}

const prefix = "PATWARDEN_";

// In Kubernetes, the address of every Service is in the environment of all containers. A Service called `patwarden` or
// `patwarden-http` must not keep the server from starting.
const injectedByKubernetes =
  /_SERVICE_HOST$|_SERVICE_PORT(?:_[A-Z0-9_]+)?$|_PORT(?:_\d+_[A-Z]+(?:_(?:PROTO|PORT|ADDR))?)?$/;

/**
 * Replaces values of a document with `PATWARDEN_*` variables: `PATWARDEN_OPENFGA_STORE_ID` is `openfga.store_id`. A
 * secret has a second variable with the suffix `_FILE`. Entries of a list are separated by commas; lists of mappings
 * can only be in the file. An empty variable counts as absent. Unknown variables are problems, except PATWARDEN_TEST_*
 * and PATWARDEN_CLIENT_*.
 */
export function withEnvironment(
  document: Document,
  tree: KeyTree,
  env: NodeJS.ProcessEnv,
): {
  readonly document: Document;
  readonly problems: readonly Problem[];
  /** The variables that were used, by key. */
  readonly fromVariables: ReadonlyMap<string, string>;
} {
  const fromVariables = new Map<string, string>();
  const variables = new Map(variablesOf(tree, []));
  const problems: Problem[] = [];
  let result = document;
  for (const [name, text] of Object.entries(env)) {
    if (!text || !name.startsWith(prefix) || /^PATWARDEN_(TEST|CLIENT)_/.test(name)) continue;
    const variable = variables.get(name);
    if (variable) {
      fromVariables.set(keyOf(variable.path), name);
      result = withValue(result, variable.path, typed(text, variable.type));
    } else if (!injectedByKubernetes.test(name)) {
      const suggestion = nearest(
        name.slice(prefix.length),
        [...variables.keys()].map((known) => known.slice(prefix.length)),
      );
      problems.push({
        key: name,
        problem: suggestion === undefined ? "is unknown" : `is unknown; did you mean ${prefix}${suggestion}?`,
      });
    }
  }
  return { document: result, problems, fromVariables };
}

function* variablesOf(tree: KeyTree, above: readonly string[]): Generator<[string, Variable]> {
  for (const [key, child] of Object.entries(tree.properties ?? {})) {
    const path = [...above, key];
    if (child.type === "object") yield* variablesOf(child, path);
    else if (child.type !== "array" || child.items?.type === "string")
      yield [variableName(path), { path, type: child.type }];
    if (child.secret) {
      const twin = [...above, fileTwin(key)];
      yield [variableName(twin), { path: twin, type: "string" }];
    }
  }
}

function variableName(path: readonly string[]): string {
  return prefix + path.join("_").toUpperCase();
}

function typed(text: string, type: KeyTree["type"]): Value {
  switch (type) {
    case "boolean":
      return text === "true" || (text === "false" ? false : text);
    case "integer":
      return /^\d{1,15}$/.test(text) ? Number(text) : text;
    case "array":
      return text.split(",").map((entry) => entry.trim());
    default:
      return text;
  }
}

function withValue(document: Document, [key = "", ...below]: readonly string[], value: Value): Document {
  if (below.length > 0) {
    const child = document[key] ?? {};
    // A section that is not a mapping in the file is a problem, which a variable must not hide.
    return isMapping(child) ? { ...document, [key]: withValue(child, below, value) } : document;
  }
  // A secret replaces the name of its file, and the other way round.
  const twin = withoutFile(key) ?? fileTwin(key);
  const { [twin]: _, ...others } = document;
  return { ...others, [key]: value };
}
