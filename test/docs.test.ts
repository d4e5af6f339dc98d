import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadConfig } from "../src/config/load.js";
import { createMetrics } from "../src/telemetry/metrics.js";
import { oddWords } from "./kit/odd-words.js";
import { selfSigned } from "./kit/self-signed.js";
import { testPepper } from "./kit/server.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (page: string): string => readFileSync(join(root, page), "utf8");
const markdownIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);

const index = "docs/README.md";
const guides = markdownIn("docs/guides");
const docs = [...markdownIn("docs"), ...guides];
const examples = ["direct", "member-of-itself", "scanning"].map((name) => `examples/${name}/README.md`);
const pages = ["README.md", ...docs, ...examples];
/** These pages and all other Markdown of the project: of clients, benchmarks, tests. */
const allPages = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" }).trim().split("\n");

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const blocks = pages.flatMap((page): Block[] => {
  const text = read(page);
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = "", 2: content = "", index }) => ({
    page,
    line: text.slice(0, index).split("\n").length,
    language,
    text: content,
  }));
});

/** Returns the files that a page links to, relative to the root, without anchors. */
const targetsOf = (page: string): readonly string[] =>
  [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, target = ""]) => normalize(join(page, "..", target)));

describe("README.md", () => {
  it("has at most 900 words", () => {
    expect(read("README.md").trim().split(/\s+/).length).toBeLessThanOrEqual(900);
  });

  const [, newest = ""] = read("bench/RESULTS.md").split(/^## /m);
  const cellsOf = (line: string): readonly string[] => line.split("|").map((cell) => cell.trim());
  const rows = newest
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map(cellsOf);

  /** Returns a figure of the table of scenarios. */
  const measured = (scenario: string, column: string): string => {
    const at = rows.find(([, first]) => first === "what")?.indexOf(column) ?? -1;
    const figure = rows.find(([, first]) => first === scenario)?.[at];
    if (figure === undefined) throw new Error(`RESULTS.md has no ${column} of ${scenario}`);
    return figure;
  };
  const alone = (scenario: string): readonly string[] =>
    ["alone p50", "alone p99"].map((column) => `${measured(scenario, column)} ms`);
  const ratio = (scenario: string): string => `${measured(scenario, "× direct")} ×`;

  it("has the figures of the newest run of the benchmark", () => {
    const [, costs = ""] = /^\| cost,.*?\n\|[- |]+\n((?:\|.*\n)+)/m.exec(read("README.md")) ?? [];
    const figures = costs
      .trim()
      .split("\n")
      .map((row) => [...row.matchAll(/[\d.]+ (?:×|ms|bytes)/g)].map(([figure]) => figure));
    const [, ...revocation] =
      /RevokeToken with three replicas, .*?: p50 ([\d.]+ ms), p99 ([\d.]+ ms);/.exec(newest) ?? [];
    expect(figures).toEqual([
      [ratio("Check, cache off")],
      [ratio("Check, cache on"), ratio("Check, 64 connections, cache on")],
      [ratio("Check within max_staleness, cache on")],
      [ratio("BatchCheck of 50, one token, cache on")],
      [...alone("direct OpenFGA Check, cache on"), ...alone("Check, cache on")],
      revocation,
    ]);
  });

  it("has the number of goals that this run missed", () => {
    const goals = rows.map((row) => row.at(-2)).filter((met) => met === "yes" || met === "**no**");
    expect(read("README.md")).toContain(
      `${goals.filter((met) => met !== "yes").length} of ${goals.length} goals are missed`,
    );
    const goal = rows.find(([, first]) => first?.startsWith("RevokeToken with three replicas, p99 more than"));
    expect([goal?.[3], goal?.[4]]).toEqual(["30.00 ms", "**no**"]);
  });
});

describe("the index", () => {
  it.each(docs.filter((page) => page !== index))("has %s", (page) => {
    expect(targetsOf(index)).toContain(page);
  });

  it("is linked from README.md", () => {
    expect(targetsOf("README.md")).toContain(index);
  });
});

describe.each(guides)("%s", (page) => {
  it("says how it was tested", () => {
    expect(read(page)).toMatch(/^Tried with: \S.*\.$/ms);
  });

  it("has a configuration of Patwarden", () => {
    expect(blocks.some((block) => block.page === page && block.text.startsWith("# patwarden.yaml\n"))).toBe(true);
  });
});

describe("a request without subject", () => {
  it.each(guides.filter((page) => read(page).includes("X-Patwarden-Subject")))("is refused by %s", (page) => {
    expect(read(page)).toMatch(/refuses a request without `X-Patwarden-Subject`/);
  });
});

describe("text", () => {
  it.each(allPages)("%s has lines of at most 120 columns, but for tables and code", (page) => {
    const prose = read(page).replaceAll(/^ *```.*?^ *```$/gms, "");
    const long = prose.split("\n").filter((line) => [...line].length > 120 && !/^(\||\[.*\]: )/.test(line));
    expect(long).toEqual([]);
  });

  it.each(allPages)("%s has no words that readers stumble over", (page) => {
    expect(oddWords.flatMap(([word]) => word.exec(read(page))?.[0] ?? [])).toEqual([]);
  });

  it.each(pages)("%s names no metric that does not exist", async (page) => {
    const metrics = createMetrics();
    for (const port of ["grpc", "http"] as const) metrics.arrivalsAt(port);
    metrics.observeTokenCache({
      cache: { size: 0, bytes: 0, hits: 0, seen: 0 },
      leaseMs: () => 0,
      notified: () => true,
    });
    metrics.observeConnections(() => ({ open: 0, memory: 0, largestMemory: 0 }));
    const names = [...read(page).matchAll(/\b(patwarden|rpc_server)_[a-z_]+(?=[`{])/g)].map(([name]) => name);
    const exposition = await metrics.registry.metrics();
    for (const name of names) expect(exposition).toMatch(new RegExp(`^# TYPE ${name.replace(/_count$/, "")} `, "m"));
  });
});

describe("pictures", () => {
  const pictures = readdirSync(join(root, "docs/images")).map((name) => `docs/images/${name}`);

  it.each(pictures)("%s is shown", (picture) => {
    expect(pages.flatMap(targetsOf)).toContain(picture);
  });

  it.each(pictures.filter((picture) => picture.endsWith(".png")))("%s is smaller than 200 KB", (picture) => {
    expect(statSync(join(root, picture)).size).toBeLessThan(200_000);
  });

  it.each(pictures.filter((picture) => picture.endsWith(".svg")))(
    "%s has a title, and is readable in the dark",
    (picture) => {
      expect(read(picture)).toMatch(/<title id="title">[^<]{20,}<\/title>/);
      expect(read(picture)).toContain("@media (prefers-color-scheme: dark)");
    },
  );
});

describe("code", () => {
  it.each(blocks.filter(({ language }) => language === "yaml" || language === "json"))(
    "$page, line $line: $language that can be read",
    ({ language, text }) => {
      expect(language === "yaml" ? parse(text) : JSON.parse(text)).toBeTypeOf("object");
    },
  );

  const folder = mkdtempSync(join(tmpdir(), "patwarden-docs-"));
  const secrets = join(folder, "secrets");
  mkdirSync(secrets);
  writeFileSync(join(secrets, "database-url"), "postgres://patwarden:secret@127.0.0.1/patwarden\n");
  writeFileSync(join(secrets, "openfga-key"), "fga-key\n");
  writeFileSync(join(secrets, "pepper-1"), `${testPepper}\n`);
  const { cert, key } = selfSigned();
  writeFileSync(join(secrets, "tls.crt"), cert);
  writeFileSync(join(secrets, "tls.key"), key);
  afterAll(() => rmSync(folder, { recursive: true }));
  const load = (text: string) => {
    const file = join(folder, "patwarden.yaml");
    // The reader fills in the hash of a key.
    writeFileSync(
      file,
      text.replaceAll(/\b([0-9a-f])\1{63}\b/g, (placeholder) => placeholder.replace(/^./, "e")),
    );
    return loadConfig({ file, env: {} });
  };

  it("of docs/production.md is a whole configuration, without an error", () => {
    const [whole] = blocks.filter(({ page, language }) => page === "docs/production.md" && language === "yaml");
    expect(load((whole?.text ?? "").replaceAll("secrets/", `${secrets}/`))).toMatchObject({ ok: true });
  });

  /** Settings that the other pages leave out. */
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
  const parts = blocks.filter(
    ({ page, text }) => text.startsWith("# patwarden.yaml\n") && page !== "docs/production.md",
  );

  it.each(parts)("$page, line $line: a part of a configuration", ({ text }) => {
    const loaded = load(stringify({ ...base, ...parse(text) }));
    // Certificates are files of the reader.
    const faults = loaded.ok
      ? []
      : loaded.problems.filter(({ problem }) => !problem.startsWith("cannot be read: ENOENT"));
    expect(faults).toEqual([]);
  });
});

describe("links", () => {
  /** Returns the anchor of a heading, as on GitHub. */
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  const anchorsOf = (page: string): readonly string[] =>
    [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  const linking = [
    ...pages,
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "bench/README.md",
    "clients/README.md",
  ];
  const links = linking.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = ""]) => ({ page, target })),
  );

  it("are found", () => {
    expect(links.length).toBeGreaterThan(100);
  });

  it.each(links)("$page: $target", ({ page, target }) => {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : join(page, "..", path);
    expect(existsSync(join(root, file)), file).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
  });

  const named = linking
    .filter((page) => page !== "CHANGELOG.md")
    .flatMap((page) =>
      [...read(page).matchAll(/`((?:bench|clients|docs|examples|migrations|proto|src|test|tools)\/[\w./-]+)`/g)].map(
        ([, path = ""]) => ({ page, path }),
      ),
    );

  it.each(named)("$page names $path, which is there", ({ path }) => {
    expect(existsSync(join(root, path)), path).toBe(true);
  });
});
