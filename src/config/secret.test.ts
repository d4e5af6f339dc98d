import { describe, expect, it } from "vitest";
import { changed, configOf, fileOf, load, minimal, problemsOf, type Tree } from "../../test/kit/config-file.js";
import { knownKeys as keyTree } from "./known-keys.js";

describe("A5 secrets", () => {
  const canary = "qxCANARYqx";
  const secret = `${canary}${canary}${canary}${canary}`;
  const paths = ["openfga.auth.preshared", "integrations.leaks.github.token", "integrations.leaks.webhook.key"];
  const variableOf = (path: string) => `PATWARDEN_${path.replaceAll(".", "_").toUpperCase()}`;
  const withWebhook = (changes: Tree) =>
    changed({ "integrations.leaks.webhook.url": "https://hooks.example", ...changes });

  it.each(paths)("%s may end in blanks and line ends, in a file, a variable and the document", (path) => {
    const found = (config: Tree, env: NodeJS.ProcessEnv = {}): unknown => {
      const { openfga, integrations } = configOf({ ...config }, env);
      return [openfga.auth?.preshared, integrations.leaks?.providers.github?.token, integrations.leaks?.webhook?.key][
        paths.indexOf(path)
      ];
    };
    const base = {
      "integrations.leaks.report": true,
      "integrations.leaks.github.enabled": true,
      "integrations.leaks.webhook.key": secret,
    };
    for (const end of ["", "\n", "\r\n", " \t\n\n", "\u00a0"]) {
      expect(found(withWebhook({ ...base, [path]: `${secret}${end}` }))).toBe(secret);
      expect(found(withWebhook(base), { [variableOf(path)]: `${secret}${end}` })).toBe(secret);
      const file = fileOf(`${secret}${end}`);
      expect(found(withWebhook(base), { [`${variableOf(path)}_FILE`]: file })).toBe(secret);
    }
  });

  it.each(paths)("%s is refused, with its name, for other characters that a header cannot contain", (path) => {
    const rule =
      "must be printable ASCII: a header cannot contain line ends, other control characters or other letters";
    for (const bad of [
      "\n",
      "\u0000",
      "\u0001",
      "\t",
      "\u007f",
      "\u0085",
      "\u00e9",
      "\u2028",
      "\ud83d\ude00",
      "\ufeff",
    ]) {
      for (const value of [`${secret}${bad}${secret}`, `${bad}${secret}`]) {
        expect(problemsOf(withWebhook({ "integrations.leaks.webhook.key": secret, [path]: value }))).toEqual({
          [path]: rule,
        });
        const file = fileOf(value);
        // The byte order mark at the beginning of a file is ignored.
        if (bad === "\ufeff") continue;
        const variable = `${variableOf(path)}_FILE`;
        expect(problemsOf(withWebhook({}), { [variable]: file })).toHaveProperty(
          [`${path}_file`],
          `${rule} (from ${variable})`,
        );
      }
    }
    expect(problemsOf(withWebhook({ "integrations.leaks.webhook.key": secret, [path]: " \n" }))).toHaveProperty([path]);
  });

  /** Returns all keys that can have a value; of lists, the keys of the first entry. */
  function* leaves(
    tree: typeof keyTree,
    above: readonly (string | number)[] = [],
  ): Generator<readonly (string | number)[]> {
    for (const [key, child] of Object.entries(tree.properties ?? {})) {
      const path = [...above, key];
      if (child.properties) yield* leaves(child, path);
      else if (child.items) yield* child.items.properties ? leaves(child.items, [...path, 0]) : [[...path, 0]];
      else yield path;
      if (child.secret) yield [...above, `${key}_file`];
    }
  }

  it("appear in no problem, in whatever setting and form they were written by mistake", () => {
    const at = ([key, ...below]: readonly (string | number)[], value: unknown): unknown => {
      if (key === undefined) return value;
      return typeof key === "number" ? [at(below, value)] : { [key]: at(below, value) };
    };
    const forms: readonly unknown[] = [
      secret,
      `${secret}\u0001`,
      `https://u:${secret}@h`,
      `postgres://u:${secret}/${secret}@h:x/d`,
      [secret],
      { [secret]: secret },
      { [`preshared:${secret}`]: 1 },
      { "<": { [secret]: secret } },
    ];
    const found = [...leaves(keyTree)];
    expect(found.length).toBeGreaterThan(100);
    let refused = 0;
    for (const path of found) {
      for (const form of forms.slice(-2)) {
        const loaded = load(at(path, form));
        if (loaded.ok) continue;
        refused++;
        expect(JSON.stringify(loaded.problems), path.join(".")).not.toContain("CANARY");
      }
    }
    expect(refused).toBeGreaterThan(found.length * 1.9);
    for (const form of forms) {
      for (const path of found.filter((each) => /preshared|token|key|url|cert|context/.test(each.join()))) {
        const loaded = load(at(path, form));
        expect(JSON.stringify(loaded.ok || loaded.problems), path.join(".")).not.toContain("CANARY");
      }
    }
    for (const path of found.filter((each) => !each.includes(0))) {
      const variable = `PATWARDEN_${path.join("_").toUpperCase()}`;
      const loaded = load(minimal, { [variable]: `${secret}\n${secret}` });
      expect(JSON.stringify(loaded.ok || loaded.problems), variable).not.toContain("CANARY");
    }
    for (const yaml of [
      `openfga:\n  auth:\n    preshared: "${secret}`,
      `openfga:\n  auth:\n    preshared:${secret}\n    x: y`,
      `openfga:\n  auth:\n  preshared ${secret}\n  x: y`,
      `openfga: { auth: { preshared ${secret} } }`,
      `openfga: { auth: { preshared: *${secret} } }`,
      `openfga: { auth: { preshared: !${secret} x } }`,
      `openfga: { auth: { preshared: &${secret} } `,
      `? ${secret}\n: ${secret}\n? ${secret}`,
      `${secret}`,
      `- ${secret}`,
      `%${secret}\n---\na: b`,
      `{"openfga":{"auth":{"preshared":"${secret}}}`,
    ]) {
      const loaded = load(yaml);
      expect(JSON.stringify(loaded), yaml).not.toContain("CANARY");
      expect(loaded.ok).toBe(false);
    }
  }, 180_000);
});
