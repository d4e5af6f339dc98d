import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { pathsIn, settingsBelow } from "../../test/kit/config-file.js";
import { type KeyTree, knownKeys, withoutFile } from "./known-keys.js";
import { loadConfig } from "./load.js";

const file = new URL("../../examples/patwarden.yaml", import.meta.url).pathname;
const text = readFileSync(file, "utf8");
/** The example with all settings active. A setting that is commented out begins with its key; sentences do not. */
const complete: unknown = parse(text.replaceAll(/^( *)# (?=[a-z][a-z0-9_]*: )/gm, "$1"));

/** Each path of the example with its values; a path in a list can have several. */
const shown = new Map<string, unknown[]>();
for (const { path, value } of pathsIn(complete, "")) {
  const known = path.slice(1).replace(/[^.]+$/, (key) => withoutFile(key) ?? key);
  shown.set(known, [...(shown.get(known) ?? []), value]);
}

function treeAt(path: string): KeyTree {
  return path.split(".").reduce<KeyTree>((tree, key) => (tree.items ?? tree).properties?.[key] ?? {}, knownKeys);
}

describe("examples/patwarden.yaml", () => {
  const settings = Object.entries(knownKeys.properties ?? {}).flatMap(([key, tree]) => settingsBelow(tree, [key]));

  it("has no problems except the hashes of keys to fill in and the missing files of secrets and certificates", () => {
    const loaded = loadConfig({ file, env: {} });
    expect(loaded.ok).toBe(false);
    const faults = loaded.ok ? [] : loaded.problems;
    expect(faults.filter(({ problem }) => !/^cannot be read: ENOENT|^is a placeholder;/.test(problem))).toEqual([]);
  });

  it("has every setting", () => {
    expect(settings.length).toBeGreaterThan(100);
    expect(settings.filter((setting) => !shown.has(setting))).toEqual([]);
  });

  it("has no setting that does not exist, commented out or not", () => {
    const open = [
      "callers.max_grant",
      "catalog.types",
      "catalog.templates.label",
      "catalog.templates.grant",
      "catalog.snippets.label",
      "console.authorization_params",
      "issuers.required_claims",
      "openfga.context",
    ];
    const inside = (path: string) => open.some((above) => path.startsWith(`${above}.`));
    const exists = (path: string) => settings.some((setting) => setting === path || setting.startsWith(`${path}.`));
    expect([...shown.keys()].filter((path) => path !== "" && !inside(path) && !exists(path))).toEqual([]);
  });

  it("shows every default, except for settings that show another value on purpose", () => {
    const withDefault = settings.filter((setting) => treeAt(setting).default !== undefined);
    expect(withDefault.length).toBeGreaterThan(60);
    const others = withDefault.filter(
      (setting) =>
        !shown.get(setting)?.some((value) => JSON.stringify(value) === JSON.stringify(treeAt(setting).default)),
    );
    expect(others).toEqual([
      "grpc.listen",
      "http.listen",
      "http.plaintext",
      "public_http.listen",
      "public_http.plaintext",
      "public_http.origins",
      "public_http.trusted_proxies",
      "console.authorization_params",
      "console.trusted_proxies",
      "openfga.tls",
      "openfga.context",
      "tokens.peppers.active",
      "issuers.audience_claim",
      "issuers.required_claims",
      "issuers.allow_nonce",
      "issuers.shared_subjects",
    ]);
  });
});
