import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadConfig } from "../src/config/load.js";
import { testPepper } from "./kit/server.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const read = (page: string): string => readFileSync(join(root, page), "utf8");

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const blocks = pages.flatMap((page): Block[] => {
  const text = read(`docs/${page}`);
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = "", 2: content = "", index }) => ({
    page,
    line: text.slice(0, index).split("\n").length,
    language,
    text: content,
  }));
});

describe("the guides", () => {
  it("are all in their index", () => {
    const index = read("docs/README.md");
    expect(pages.length).toBeGreaterThan(10);
    for (const page of pages.filter((name) => name !== "README.md")) expect(index).toContain(`](${page})`);
  });

  it.each(pages.filter((name) => name !== "README.md"))("%s says how far it was tried", (page) => {
    expect(read(`docs/${page}`)).toMatch(/^Tried with: \S.*\.$/ms);
  });

  it.each(pages.filter((name) => read(`docs/${name}`).includes("X-Patwarden-Subject")))(
    "%s says what a request without subject means",
    (page) => {
      expect(read(`docs/${page}`)).toMatch(/No subject means refuse|refuses a request without `X-Patwarden-Subject`/);
    },
  );

  it.each(blocks.filter(({ language }) => language === "yaml" || language === "json"))(
    "$page, line $line: $language that can be read",
    ({ language, text }) => {
      expect(language === "yaml" ? parse(text) : JSON.parse(text)).toBeTypeOf("object");
    },
  );
});

describe("configuration of Patwarden in the guides", () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-docs-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  /** What all of them leave out. */
  const base = {
    database: { url: "postgres://patwarden@127.0.0.1/patwarden" },
    openfga: {
      addresses: ["127.0.0.1:8081"],
      store_id: "01JYX4M1Z3S9Q0V7W8KXN2T5RB",
      model_id: "01JYX4M8C6D2F4G6H8J0K2M4N6",
    },
    tokens: { peppers: [{ version: 1, key: testPepper, active: true }] },
    callers: [{ name: "backend", key_sha256: ["1".repeat(64)], permissions: ["check"] }],
  };
  const marked = blocks.filter(({ text }) => text.startsWith("# patwarden.yaml\n"));

  it("is on every page", () => {
    const without = pages.filter((name) => name !== "README.md" && !marked.some(({ page }) => page === name));
    expect(without).toEqual([]);
  });

  it.each(marked)("$page, line $line", ({ page, text }) => {
    const file = join(folder, `${page}.yaml`);
    writeFileSync(file, stringify({ ...base, ...parse(text) }));
    const loaded = loadConfig({ file, env: {} });
    // Certificates are the reader's own.
    const faults = loaded.ok ? [] : loaded.problems.filter(({ problem }) => problem !== "cannot be read: ENOENT");
    expect(faults).toEqual([]);
  });
});

describe("links of the guides and of README.md", () => {
  /** As on GitHub. */
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  const anchorsOf = (page: string): readonly string[] =>
    [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  const links = ["README.md", ...pages.map((name) => `docs/${name}`)].flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = ""]) => ({ page, target })),
  );

  it("are found", () => {
    expect(links.length).toBeGreaterThan(40);
  });

  it.each(links)("$page: $target", ({ page, target }) => {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : join(page, "..", path);
    expect(existsSync(join(root, file)), file).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
  });
});
