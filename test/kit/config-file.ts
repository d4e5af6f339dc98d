import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type KeyTree, knownKeys } from "../../src/config/known-keys.js";
import { loadConfig } from "../../src/config/load.js";
import { selfSigned } from "./self-signed.js";

export type Tree = { readonly [key: string]: unknown };

export const directory = mkdtempSync(join(tmpdir(), "patwarden-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
/** Writes a file and returns its name. Content that is not a string is written as YAML. */
export function fileOf(content: unknown): string {
  const file = join(directory, `${files++}.yaml`);
  writeFileSync(file, typeof content === "string" ? content : stringify(content));
  return file;
}

/** Makes a new certificate and its key, and returns their texts and file names. */
export function certificateFiles() {
  const { cert, key } = selfSigned();
  return {
    cert: cert.toString().trimEnd(),
    key: key.toString().trimEnd(),
    certFile: fileOf(cert.toString()),
    keyFile: fileOf(key.toString()),
  };
}

export const keyHash = "a1".repeat(32);
export const otherKeyHash = "b2".repeat(32);
export const pepperKey = Buffer.alloc(32, 7).toString("base64");
export const caller = { name: "orders", key_sha256: [keyHash], permissions: ["check"] };
export const issuer = { issuer: "https://login.example.com/", audiences: ["https://patwarden.example.com"] };

/** The settings that every configuration must have. */
export const minimal = {
  database: { url: "postgres://db/patwarden" },
  openfga: {
    addresses: ["openfga:8081"],
    store_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    model_id: "01BX5ZZKBKACTAV9WEVGEMMVRZ",
  },
  tokens: { peppers: [{ version: 1, key: pepperKey, active: true }] },
  callers: [caller],
};

/** Returns `minimal` with other values at some paths. */
export function changed(changes: Tree): Tree {
  const result: Record<string, unknown> = structuredClone(minimal);
  for (const [path, value] of Object.entries(changes)) {
    const parts = path.split(".");
    const last = parts.pop() ?? "";
    const parent = parts.reduce<Record<string, unknown>>((node, part) => {
      node[part] ??= {};
      return node[part] as Record<string, unknown>; // all paths of the tests go through mappings
    }, result);
    parent[last] = value;
  }
  return result;
}

export const load = (content: unknown, env: NodeJS.ProcessEnv = {}) => loadConfig({ file: fileOf(content), env });

export function configOf(content: unknown, env: NodeJS.ProcessEnv = {}) {
  const loaded = load(content, env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

export function problemsOf(content: unknown, env: NodeJS.ProcessEnv = {}): Tree {
  const loaded = load(content, env);
  return loaded.ok ? {} : Object.fromEntries(loaded.problems.map(({ key, problem }) => [key, problem]));
}

/** Returns the paths of all settings below a key, including those in entries of lists. */
export function settingsBelow(tree: KeyTree, path: readonly string[] = []): readonly string[] {
  const { properties } = tree.items ?? tree;
  // A grant is a message of the API.
  if (!properties || path.at(-1) === "max_grant" || path.at(-1) === "grant") return [path.join(".")];
  return Object.entries(properties).flatMap(([key, child]) => settingsBelow(child, [...path, key]));
}

/** Returns the paths of a value, each with its value. */
export function pathsIn(value: unknown, path: string): readonly { readonly path: string; readonly value: unknown }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  const below = Array.isArray(value)
    ? value.flatMap((entry) => pathsIn(entry, path))
    : Object.entries(value).flatMap(([key, child]) => pathsIn(child, `${path}.${key}`));
  return [{ path, value }, ...below];
}

/**
 * Tests the settings of some top-level keys: each value is in the configuration of the program, no setting is left out,
 * and faulty values (changes of `minimal`) cause these problems.
 */
export function describeSettings(
  sections: readonly string[],
  taken: readonly [path: string, value: unknown, seen: object, others?: Tree][],
  refused: readonly [changes: Tree, problems: Tree][],
): void {
  describe(`the settings of ${sections.join(", ")}`, () => {
    it.each(taken)("%s is taken", (path, value, seen, others = {}) => {
      expect(configOf(changed({ ...others, [path]: value }))).toMatchObject(seen);
    });

    it("are all in the table of this test", () => {
      const settings = sections.flatMap((key) => settingsBelow(knownKeys.properties?.[key] ?? {}, [key]));
      const seen = new Set(taken.flatMap(([path, value]) => pathsIn(value, path).map((found) => found.path)));
      expect(settings.filter((setting) => !seen.has(setting))).toEqual([]);
    });

    it.each(refused)("given %j say %j", (changes, problems) => {
      expect(problemsOf(changed(changes))).toEqual(problems);
    });
  });
}
