import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { documented } from "./host-site.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** As much of React's types as the element's types build upon; the package itself has none. */
const react = `
declare namespace React {
  interface HTMLAttributes<T> { readonly className?: string; readonly onClick?: (event: T) => void }
  type DetailedHTMLProps<E extends HTMLAttributes<T>, T> = { readonly ref?: (element: T | null) => void } & E;
  namespace JSX {
    interface Element { readonly type: unknown }
    interface IntrinsicElements { readonly div: HTMLAttributes<HTMLDivElement> }
  }
}
export = React;
`;

describe("the types of the element", () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-types-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Returns the errors of the compiler. */
  function errorsIn(files: Readonly<Record<string, string>>): string {
    mkdirSync(join(folder, "react"), { recursive: true });
    writeFileSync(join(folder, "react/index.d.ts"), react);
    writeFileSync(
      join(folder, "react/jsx-runtime.d.ts"),
      'import React from "./index.js"; export import JSX = React.JSX;',
    );
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const elements = join(root, "console/public-element");
    const compilerOptions = {
      ...{ strict: true, noEmit: true, skipLibCheck: false, types: [], lib: ["es2023", "dom", "dom.iterable"] },
      ...{ target: "es2023", module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", esModuleInterop: true },
      paths: {
        "patwarden/elements": [join(elements, "patwarden-tokens.d.ts")],
        "patwarden/elements/*": [join(elements, "*.d.ts")],
        react: [join(folder, "react/index.d.ts")],
        "react/jsx-runtime": [join(folder, "react/jsx-runtime.d.ts")],
      },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
    try {
      return execFileSync("npx", ["tsc", "-p", folder], { cwd: root, encoding: "utf8" });
    } catch (error) {
      return String((error as { stdout?: unknown }).stdout);
    }
  }

  it("fit plain scripts", () => {
    const good = `import type { TokenEventDetail } from "patwarden/elements";
      const element = document.createElement("patwarden-tokens");
      element.getAccessToken = async () => "jwt";
      element.addEventListener("patwarden-created", ({ detail }) => detail satisfies TokenEventDetail);
      element.addEventListener("patwarden-step-up", ({ detail }) => detail.acrValues.length);`;
    const bad = `import "patwarden/elements";
      const element = document.createElement("patwarden-tokens");
      // @ts-expect-error a token is a text
      element.getAccessToken = () => 1;
      // @ts-expect-error no event has a secret
      element.addEventListener("patwarden-created", ({ detail }) => detail.secret);`;
    expect(errorsIn({ "good.ts": good, "bad.ts": bad })).toBe("");
  });

  it("fit React", () => {
    const bad = `import type {} from "patwarden/elements/react";
      export const wrong = (
        <>
          {/* @ts-expect-error a token is a text */}
          <patwarden-tokens getAccessToken={() => 1} />
          {/* @ts-expect-error no event has a secret */}
          <patwarden-tokens onpatwarden-created={({ detail }) => detail.secret} />
        </>
      );`;
    expect(errorsIn({ "Tokens.tsx": documented("tsx", "// Tokens.tsx"), "bad.tsx": bad })).toBe("");
  });

  it("fit Vue", () => {
    const props = `import type { GlobalComponents } from "vue";
      import type {} from "patwarden/elements/vue";
      type Props = InstanceType<GlobalComponents["patwarden-tokens"]>["$props"];
      export const good: Props = { baseUrl: "/x", class: "wide", onPatwardenCreated: undefined };
      export const events: Props = { "onPatwarden-created": ({ detail }) => detail.name };
      // @ts-expect-error a token is a text
      export const bad: Props = { getAccessToken: () => 1 };`.replace(" onPatwardenCreated: undefined", "");
    expect(errorsIn({ "props.ts": props })).toBe("");
  });

  it("name what the manifest for editors and docs/embed.md name", () => {
    const manifest = JSON.parse(readFileSync(join(root, "console/public-element/custom-elements.json"), "utf8"));
    const [declared] = manifest.modules[0].declarations;
    const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
    const types = readFileSync(join(root, "console/public-element/patwarden-tokens.d.ts"), "utf8");
    const page = readFileSync(join(root, "docs/embed.md"), "utf8");
    const style = readFileSync(join(root, "console/src/style/properties.css"), "utf8");
    const used = new Set([...style.matchAll(/--pw-[a-z-]+/g)].map(([name]) => name));
    expect(new Set(names(declared.cssProperties))).toEqual(used);
    for (const name of names(declared.cssProperties)) expect(page).toContain(`\`${name}\``);
    for (const name of names(declared.attributes)) expect(page).toContain(`\`${name}\``);
    for (const name of names(declared.cssParts)) expect(page).toContain(`\`${name}\``);
    for (const name of names(declared.members)) expect([types, page].every((text) => text.includes(name))).toBe(true);
    for (const name of names(declared.events)) expect([types, page].every((text) => text.includes(name))).toBe(true);
  });
});
