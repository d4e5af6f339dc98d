import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { track } from "../kit/children.js";
import { onFreePorts } from "../kit/dev.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const main = join(root, "dist/main.js");
const read = (page: string): string => readFileSync(join(root, page), "utf8");
const blocksOf = (page: string): readonly { readonly language: string; readonly text: string }[] =>
  [...read(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({ language, text }));

const pages = ["README.md", "docs", "docs/guides"].flatMap((place) =>
  place.endsWith(".md")
    ? [place]
    : readdirSync(join(root, place))
        .filter((name) => name.endsWith(".md"))
        .map((name) => `${place}/${name}`),
);

/** `patwarden token create` and its options, from each line of a shell block that runs the command line. */
const commandLines = pages.flatMap((page) =>
  blocksOf(page)
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => [...text.replaceAll("\\\n", " ").matchAll(/(?:^|[|(] ?)patwarden ([^#|)\n]*)/gm)])
    .map(([, line = ""]) => {
      const words = line.trim().split(/\s+/);
      const end = words.findIndex((word) => !/^[a-z-]+$/.test(word) || word.startsWith("-"));
      return {
        page,
        line,
        command: words.slice(0, Math.min(2, end < 0 ? words.length : end)),
        options: words.filter((word) => /^--[a-z]/.test(word)),
      };
    }),
);

describe("commands of the documentation", () => {
  it("are found", () => {
    expect(commandLines.length).toBeGreaterThan(20);
  });

  const help = new Map<string, string>();
  it.each(commandLines)("$page: patwarden $line", ({ command, options }) => {
    const key = command.join(" ");
    const known = help.get(key) ?? execFileSync(process.execPath, [main, ...command, "--help"], { encoding: "utf8" });
    help.set(key, known);
    expect(known).toMatch(new RegExp(`^Usage: ${["patwarden", ...command].join(" ")} `));
    for (const option of options) expect(known).toMatch(new RegExp(`^ .*${option}\\b`, "m"));
  });
});

describe("what README.md and docs/ say next to `make dev`", () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-documented-"));
  let http: string;

  beforeAll(async () => {
    symlinkSync(join(root, "dist"), join(folder, "dist"));
    const example = (file: string): string => join(root, "examples/direct", file);
    const files = ["--model", example("model.fga"), "--tuples", example("tuples.json"), "--ready-file", "ready.json"];
    const dev = track(
      spawn(process.execPath, [main, "dev", ...onFreePorts, ...files], { cwd: folder, stdio: "ignore" }),
    );
    while (!existsSync(join(folder, "ready.json"))) {
      if (dev.exitCode !== null) throw new Error(`patwarden dev ended with ${dev.exitCode}`);
      await sleep(50);
    }
    ({ http } = JSON.parse(readFileSync(join(folder, "ready.json"), "utf8")));
    return async () => {
      const ended = new Promise((resolve) => dev.once("exit", resolve));
      dev.kill("SIGTERM");
      await ended;
    };
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs the lines as a person would paste them, one block after the other; returns the output of each block. */
  function paste(blocks: readonly string[]): readonly string[] {
    const mark = "----- end of a block";
    const script = ["shopt -s expand_aliases", ...blocks.map((text) => `${text}\necho; echo '${mark}'`)].join("\n");
    const { stdout } = spawnSync("bash", ["-c", script.replaceAll("http://127.0.0.1:9080", http)], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, PATWARDEN_CLIENT_URL: http },
    });
    return stdout.split(mark).slice(0, -1);
  }

  /** Returns a pattern for each line of the documented output, in this order; `…` stands for any text. */
  const shown = (output: string): RegExp => {
    const literal = output.trim().replaceAll("http://127.0.0.1:9080", http);
    const pattern = literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", "[^]*");
    return new RegExp(pattern.replaceAll(/\s*\n\s*/g, "\\s*"));
  };

  it.each([
    ["README.md", 1],
    ["docs/integrations.md", 1],
  ])("%s shows what its lines print", (page, count) => {
    const blocks = blocksOf(page).filter(({ text }) => !text.startsWith("make "));
    const pairs = blocks.flatMap(({ language, text }, index) =>
      language === "text" ? [{ lines: blocks[index - 1]?.text ?? "", output: text }] : [],
    );
    const printed = paste(pairs.map(({ lines }) => lines));
    expect(printed).toHaveLength(count);
    for (const [index, { output }] of pairs.entries()) expect(printed[index]).toMatch(shown(output));
  });

  it("docs/clients.md asks by curl", () => {
    const [lines = ""] = blocksOf("docs/clients.md").flatMap(({ language, text }) =>
      language === "sh" && text.includes("curl") ? [text] : [],
    );
    expect(paste([lines])[0]).toContain('"allowed":true,"reason":"REASON_ALLOWED"');
  });
});
