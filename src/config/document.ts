import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { nearest } from "../domain/nearest.js";
import { childOf, type KeyTree, namesIn, withoutFile } from "./known-keys.js";
import { keyOf, type Problem } from "./problem.js";
import { withoutLineEnd } from "./secret.js";
import { shownPath } from "./shown-path.js";

/** A value of YAML or JSON. */
export type Value = string | number | boolean | null | undefined | readonly Value[] | Document;

export interface Document {
  readonly [key: string]: Value;
}

export interface ReadDocument {
  /** Undefined when the whole file cannot be parsed. */
  readonly document: Document | undefined;
  readonly problems: readonly Problem[];
  /** The keys of secrets whose value came from a file. Default none. */
  readonly fromFiles?: ReadonlySet<string>;
  /** The environment variables of values that came from there, by key. Default none. */
  readonly fromVariables?: ReadonlyMap<string, string>;
  /** Names of the files of certificates and keys. Default none. */
  readonly certificateFiles?: readonly string[];
}

/** Reads a YAML or JSON file. Keys are not checked. */
export function readDocument(file: string): ReadDocument {
  const content = readText(file);
  if (!content.ok) return { document: undefined, problems: [{ key: file, problem: content.problem }] };
  const parsed = parseDocument(content.text, { logLevel: "silent" });
  // Only the place and the code: the parser's own messages quote the text, which may contain secrets. Only the first
  // fault: the others are mostly its consequences.
  const faults = parsed.errors.slice(0, 1).map(({ code, linePos }) => {
    const [at] = linePos ?? [];
    return `is not valid YAML or JSON in line ${at?.line}, column ${at?.col} (${code})`;
  });
  const value = faults.length === 0 ? plainValue(parsed) : undefined;
  if (faults.length === 0 && !isMapping(value)) {
    faults.push(value === undefined ? "a value that starts with * must be in quotes" : "must be a mapping");
  }
  return {
    document: isMapping(value) ? value : undefined,
    problems: faults.map((problem) => ({ key: file, problem })),
  };
}

/**
 * Replaces names of files with their content, and removes keys that have no value or do not exist. Unknown keys and
 * files that cannot be read are problems. A mapping that is required but absent becomes an empty one, so that its
 * missing keys are reported.
 */
export function resolveDocument(document: Document, tree: KeyTree): ReadDocument & { readonly document: Document } {
  const problems: Problem[] = [];
  const fromFiles = new Set<string>();
  const certificateFiles: string[] = [];

  const resolve = (value: Value, type: KeyTree, path: readonly PropertyKey[]): Value => {
    if (Array.isArray(value)) {
      const { items } = type;
      return items ? value.map((entry, index) => resolve(entry, items, [...path, index])) : value;
    }
    if (isMapping(value)) return type.properties ? resolveMapping(value, type, path) : value;
    if (!type.file || typeof value !== "string") return value;
    certificateFiles.push(value);
    return contentOf(value, path);
  };

  const resolveMapping = (mapping: Document, type: KeyTree, path: readonly PropertyKey[]): Document => {
    const resolved: Record<string, Value> = {};
    for (const key of type.required ?? [])
      if (childOf(type, key)?.type === "object") resolved[key] = mapping[key] ?? {};
    for (const [key, value] of Object.entries({ ...mapping, ...resolved })) {
      if (value === null) continue;
      const child = childOf(type, key);
      const secret = withoutFile(key);
      if (child) {
        const found = resolve(value, child, [...path, key]);
        resolved[key] = child.secret && typeof found === "string" ? withoutLineEnd(found) : found;
      } else if (secret === undefined || !childOf(type, secret)?.secret) {
        problems.push({ key: keyOf([...path, key]), problem: unknownKey(key, type) });
      } else if (mapping[secret] != null) {
        problems.push({ key: keyOf([...path, key]), problem: `must not be set together with ${secret}` });
      } else {
        resolved[secret] = contentOf(value, [...path, key]);
        fromFiles.add(keyOf([...path, secret]));
      }
    }
    return resolved;
  };

  const contentOf = (file: Value, path: readonly PropertyKey[]): string | undefined => {
    const content =
      typeof file === "string" ? readText(file) : { ok: false as const, problem: "must be the name of a file" };
    if (content.ok) return withoutLineEnd(content.text);
    problems.push({ key: keyOf(path), problem: content.problem });
    return undefined;
  };

  return { document: resolveMapping(document, tree, []), problems, fromFiles, certificateFiles };
}

/** Returns undefined for an alias without an anchor. The parser throws an error that would repeat the text. */
function plainValue(parsed: ReturnType<typeof parseDocument>): Value {
  try {
    return parsed.toJS() ?? {};
  } catch {
    return undefined;
  }
}

type Text = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

function readText(file: string): Text {
  try {
    return { ok: true, text: readFileSync(file, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const path = shownPath(file);
    const where = path === undefined ? "; its name is not shown, since it may be a secret" : `: ${path}`;
    return { ok: false, problem: `cannot be read: ${code}${where}` };
  }
}

export function isMapping(value: Value): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownKey(key: string, type: KeyTree): string {
  const suggestion = nearest(key, namesIn(type));
  return suggestion === undefined ? "is unknown" : `is unknown; did you mean ${suggestion}?`;
}
