import { nearest } from "../domain/nearest.js";
import { type Document, isMapping, type Value } from "./document.js";
import { fileTwin, type KeyTree, withoutFile } from "./known-keys.js";
import type { Problem } from "./problem.js";

/** A variable that stands for a key of the file. */
interface Variable {
  readonly path: readonly string[];
  readonly type: KeyTree["type"];
}

const prefix = "PATWARDEN_";

// In Kubernetes every Service puts its address into the environment of all containers: one called `patwarden` or
// `patwarden-http` must not keep the server from starting.
const injectedByKubernetes =
  /_SERVICE_HOST$|_SERVICE_PORT(?:_[A-Z0-9_]+)?$|_PORT(?:_\d+_[A-Z]+(?:_(?:PROTO|PORT|ADDR))?)?$/;

/**
 * Lays the `PATWARDEN_*` variables over a document: `PATWARDEN_OPENFGA_STORE_ID` is `openfga.store_id`, and a secret
 * has a second one with `_FILE` behind it. Entries of a list are separated by commas; lists of mappings stand in the
 * file only. An empty variable counts as absent. Variables of other names are problems, except those of the tests.
 */
export function withEnvironment(
  document: Document,
  tree: KeyTree,
  env: NodeJS.ProcessEnv,
): { readonly document: Document; readonly problems: readonly Problem[] } {
  const variables = new Map(variablesOf(tree, []));
  const problems: Problem[] = [];
  let result = document;
  for (const [name, text] of Object.entries(env)) {
    if (!text || !name.startsWith(prefix) || /^PATWARDEN_(TEST|CLIENT)_/.test(name)) continue;
    const variable = variables.get(name);
    if (variable) {
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
  return { document: result, problems };
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
    // A section that is no mapping in the file is a problem of its own, which must not be hidden.
    return isMapping(child) ? { ...document, [key]: withValue(child, below, value) } : document;
  }
  // A secret by variable takes the place of one by file, and the other way round.
  const twin = withoutFile(key) ?? fileTwin(key);
  const { [twin]: _, ...others } = document;
  return { ...others, [key]: value };
}
