import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Folder {
  /** The folders that it may import, in addition to itself. */
  readonly imports: readonly string[];
  /** `core`: imports no protocol, driver or generated message. `pure`: also does no I/O and reads no clock. */
  readonly kind: "pure" | "core" | "edge";
  /** Files that are pure in a folder that is not. */
  readonly pure?: readonly string[];
}

const folder = (kind: Folder["kind"], ...imports: readonly string[]): Folder => ({ kind, imports });

/**
 * From the bottom up: each folder may import only folders above it in this list, so there is no cycle. A folder inside
 * one, `transport/hpack`, may have a row of its own, and belongs to no other then.
 */
const folders: Readonly<Record<string, Folder>> = {
  domain: folder("pure"),
  wire: folder("edge"),
  async: folder("core", "domain"),
  callers: folder("edge", "domain", "async"),
  "transport/hpack": folder("pure"),
  "transport/http2": folder("pure", "transport/hpack"),
  "transport/net": folder("edge", "transport/http2"),
  "transport/grpc": folder("edge", "transport/hpack", "transport/http2", "transport/net"),
  transport: folder("edge", "domain", "transport/http2", "transport/net", "transport/grpc"),
  telemetry: folder("edge", "domain", "callers", "transport"),
  openfga: folder("edge", "domain", "wire", "async", "transport/grpc"),
  check: folder("core", "domain", "async"),
  audit: { ...folder("core", "domain", "async", "callers", "telemetry"), pure: ["chain.ts"] },
  usage: folder("core", "domain", "async", "callers", "telemetry"),
  leaks: folder("core", "domain", "async", "telemetry"),
  exchange: { ...folder("core", "domain", "async", "callers", "check"), pure: ["key-schedule.ts"] },
  revocation: { ...folder("core", "domain", "async"), pure: ["lease.ts", "token-cache.ts"] },
  manage: folder("core", "domain", "callers", "check", "audit"),
  self: folder("core", "domain", "callers", "check", "manage"),
  integrations: folder("edge", "domain", "async", "transport", "callers", "check", "exchange", "leaks"),
  console: folder("edge", "domain", "async", "callers", "transport"),
  api: folder("edge", "domain", "wire", "transport", "callers", "check", "manage", "self", "audit", "usage"),
  config: folder("edge", "domain", "callers", "openfga", "exchange", "integrations", "console"),
  database: folder(
    "edge",
    ...["domain", "async", "audit", "usage", "leaks", "exchange", "revocation", "console", "config"],
  ),
  server: folder(
    "edge",
    ...["domain", "async", "callers", "transport", "telemetry", "openfga", "check", "audit", "usage", "leaks"],
    ...["exchange", "revocation", "manage", "self", "integrations", "console", "api", "config", "database"],
  ),
  cli: folder(
    "edge",
    ...["domain", "async", "callers", "transport", "telemetry", "openfga", "check", "audit", "exchange", "manage"],
    ...["console", "config", "database", "server"],
  ),
  "main.ts": folder("edge", "cli"),
};

const protocols = /^(?:#gen\/|@bufbuild\/|@connectrpc\/|@grpc\/|@openfga\/|@electric-sql\/|drizzle-orm|#?postgres$)/;
const input =
  /^node:(?:fs|net|tls|http2?|https|dns|dgram|child_process|cluster|worker_threads|timers|perf_hooks|process|readline)/;
/** A text parser, although Node keeps it in net. */
const harmless = 'import { isIP } from "node:net";';
const clock = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\(/;

interface Source {
  /** Relative to src, `check/token-rules.ts`. */
  readonly file: string;
  readonly text: string;
}

/** Returns what the file imports: packages as written; files of src relative to src, with their real ending. */
function importsOf({ file, text }: Source): readonly string[] {
  return [...text.matchAll(/(?:^|[;\n])\s*(?:import|export)\b[^;"'`]*?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g)]
    .map((match) => match[1] ?? match[2] ?? "")
    .map((specifier) =>
      specifier.startsWith(".") ? normalize(join(dirname(file), specifier)).replace(/\.js$/, ".ts") : specifier,
    );
}

const isSource = (imported: string): boolean => imported.endsWith(".ts");
/** Returns the first part of a path, or two where they have a row; a file directly in src counts as its own folder. */
function folderOf(file: string): string {
  const [top = "", inner = ""] = file.split("/");
  return Object.hasOwn(folders, `${top}/${inner}`) ? `${top}/${inner}` : top;
}
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");

function violationsOf(source: Source): readonly string[] {
  const { file, text } = source;
  const own = folderOf(file);
  const row = folders[own];
  if (!row) return [`${file}: ${own} has no row in the table of folders`];
  const imports = importsOf(source);
  const pure = row.kind === "pure" || row.pure?.includes(file.slice(own.length + 1)) === true;
  const forbidden = [
    ...imports.filter(isSource).filter((imported) => ![own, ...row.imports].includes(folderOf(imported))),
    ...(row.kind === "edge" ? [] : imports.filter((imported) => protocols.test(imported))),
    ...(pure ? importsOf({ file, text: text.replace(harmless, "") }).filter((imported) => input.test(imported)) : []),
  ];
  const found = forbidden.map((imported) => `${file} imports ${imported}`);
  if (pure && clock.test(withoutComments(text))) found.push(`${file} reads a clock or the process`);
  return found;
}

const root = fileURLToPath(new URL("../src", import.meta.url));
const sources: readonly Source[] = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => /(?<!\.test|\.d)\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

/** The folders of console/src, as above. */
const consoleFolders: Readonly<Record<string, readonly string[]>> = {
  words: [],
  app: ["words"],
  ui: ["app", "words"],
  views: ["app", "ui", "words"],
  page: ["app", "ui", "views", "words"],
  element: ["app", "ui", "views", "words"],
};

const consoleRoot = fileURLToPath(new URL("../console/src", import.meta.url));
const consoleSources: readonly Source[] = readdirSync(consoleRoot, { recursive: true, encoding: "utf8" })
  .filter((file) => /(?<!\.d)\.tsx?$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(consoleRoot, file), "utf8") }));

/** Leaves out `export const x = "y"`, which is no re-export. */
const withoutExports = (text: string): string => text.replaceAll(/^export (?!type \{|\{|\*)/gm, "");

function consoleViolationsOf(source: Source): readonly string[] {
  const own = folderOf(source.file);
  const allowed = consoleFolders[own];
  if (!allowed) return [`${source.file}: ${own} has no row in the table of folders`];
  return importsOf({ ...source, text: withoutExports(source.text) })
    .filter((imported) => {
      const isOwn = /^[a-z]/.test(imported) && /\.(js|ts|tsx|css\?inline)$/.test(imported);
      if (isOwn) return ![own, ...allowed].includes(folderOf(imported));
      const packages = /^(?:#gen\/|@bufbuild\/protobuf|@connectrpc\/connect$|@preact\/signals$|preact(?:\/hooks)?$)/;
      return !packages.test(imported) && !(imported === "vitest" && source.file.endsWith(".test.ts"));
    })
    .map((imported) => `${source.file} imports ${imported}`);
}

describe("the page and the element", () => {
  it("import generated messages, a few packages, and each other by the table: nothing of src/", () => {
    expect(consoleSources.length).toBeGreaterThan(30);
    expect(consoleSources.flatMap(consoleViolationsOf)).toEqual([]);
  });

  it("are imported by nothing in src/", () => {
    const importers = sources.filter((source) =>
      importsOf(source).some((imported) => /(^|\/)console\/src\//.test(imported)),
    );
    expect(importers.map(({ file }) => file)).toEqual([]);
  });

  it.each([
    ["the server", "views/x.tsx", 'import { x } from "../../../src/domain/grant.js";'],
    ["a view in a part", "ui/x.tsx", 'import { x } from "../views/tokens/filters.js";'],
    ["another package", "ui/x.tsx", 'import x from "react";'],
    ["a folder without a row", "surprise/x.ts", ""],
  ])("%s is caught", (_, file, text) => {
    expect(consoleViolationsOf({ file, text })).toHaveLength(1);
  });
});

describe("the arrows between the folders", () => {
  it("are kept by every source file", () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(sources.flatMap(violationsOf)).toEqual([]);
  });

  it("point one way, without a cycle", () => {
    const rows = Object.keys(folders);
    const upward = rows.flatMap((name, at) =>
      (folders[name]?.imports ?? []).filter((imported) => rows.indexOf(imported) >= at).map((to) => `${name} -> ${to}`),
    );
    expect(upward).toEqual([]);
  });

  it("are all needed: no row allows an import that no file has", () => {
    const used = new Set(
      sources.flatMap((source) =>
        importsOf(source)
          .filter(isSource)
          .map((imported) => `${folderOf(source.file)} -> ${folderOf(imported)}`),
      ),
    );
    const allowed = Object.entries(folders).flatMap(([name, { imports }]) => imports.map((to) => `${name} -> ${to}`));
    expect(allowed.filter((arrow) => !used.has(arrow))).toEqual([]);
    const files = new Set(sources.map(({ file }) => file));
    const named = Object.entries(folders).flatMap(([name, { pure = [] }]) => pure.map((file) => `${name}/${file}`));
    expect(named.filter((file) => !files.has(file))).toEqual([]);
  });

  it("lead to database/ from server/ and cli/ alone", () => {
    const importers = Object.keys(folders).filter((name) => folders[name]?.imports.includes("database"));
    expect(importers).toEqual(["server", "cli"]);
  });

  it("do not lead from `serve` to what is for `dev` alone, such as its OpenID provider without passwords", () => {
    const byFile = new Map(sources.map((source) => [source.file, source]));
    const reached = new Set(["cli/serve.ts", "cli/serve-check.ts", "server/server.ts"]);
    for (const file of reached) {
      const source = byFile.get(file);
      if (!source) throw new Error(`${file} does not exist`);
      for (const imported of importsOf(source).filter(isSource)) reached.add(imported);
    }
    expect(reached.size).toBeGreaterThan(100);
    expect([...reached].filter((file) => file.startsWith("server/dev/"))).toEqual([]);
  });

  it("let no port but the console's reach what reads cookies", () => {
    const readers = sources
      .filter(({ file, text }) => /^import (?!type)[^;]*\/cookies\.js"/m.test(text) || file === "console/cookies.ts")
      .map(({ file }) => file);
    expect(readers).toContain("console/console.ts");
    const named = sources.filter(({ text }) => /header\("cookie"\)|headers\.cookie\b/.test(withoutComments(text)));
    // The sample of a product of `patwarden dev`, which `serve` does not reach, has sessions of its own.
    const elsewhere = named.map(({ file }) => file).filter((file) => !/^(?:console|server\/dev\/sample)\//.test(file));
    expect(elsewhere).toEqual([]);
    // Types are gone at run time.
    const outside = sources.filter(({ file }) => folderOf(file) !== "console");
    const reaching = outside.filter(({ file, text }) =>
      importsOf({ file, text: text.replaceAll(/import type [^;]*;/g, "") }).some((to) => readers.includes(to)),
    );
    expect(reaching.map(({ file }) => file)).toEqual(["server/console.ts"]);
  });

  it.each<[string, string, string]>([
    ["a transport in the decision", "check/token-rules.ts", 'import { x } from "../transport/service.js";'],
    ["the database in a use-case", "manage/create-token.ts", 'import { x } from "../database/token.js";'],
    ["a type only", "domain/grant.ts", 'import type { Caller } from "../callers/caller.js";'],
    [
      "an import of several lines",
      "database/schema.ts",
      'import {\n  type A,\n  b,\n} from "../check/token-rules.js";',
    ],
    ["a re-export", "openfga/model.ts", 'export { x } from "../manage/get-token.js";'],
    ["an import for effect", "transport/route.ts", 'import "../database/database.js";'],
    ["an import at run time", "transport/grpc.ts", 'const x = await import("../openfga/client.js");'],
    ["a way out of src", "transport/grpc.ts", 'import { x } from "../../test/kit/ports.js";'],
    ["the composition root", "check/token-rules.ts", 'import { x } from "../server/server.js";'],
    ["a folder without a row", "surprise/x.ts", ""],
    ["the product in the engine", "transport/hpack/field.ts", 'import { x } from "../../domain/text.js";'],
    ["the service in the engine", "transport/hpack/field.ts", 'import { x } from "../service.js";'],
    ["a socket in a pure folder inside another", "transport/hpack/field.ts", 'import { connect } from "node:net";'],
    ["a message in a use-case", "manage/get-token.ts", 'import type { Token } from "#gen/patwarden/v1/token_pb.js";'],
    ["a driver in the decision", "check/token-rules.ts", 'import postgres from "postgres";'],
    ["a file in a pure folder", "domain/pepper.ts", 'import { readFileSync } from "node:fs";'],
    ["a clock in a pure folder", "domain/state.ts", "const now = Date.now();"],
    ["a timer in a pure file", "revocation/lease.ts", "setTimeout(() => {}, 1);"],
  ])("%s is caught", (_, file, text) => {
    expect(violationsOf({ file, text })).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ["a neighbour", "domain/grant.ts", 'import { x } from "./state.js";'],
    ["a port", "check/token-rules.ts", 'import type { TokenStore } from "../domain/token-store.js";'],
    ["a package", "config/tokens.ts", 'import { z } from "zod";'],
    ["a word in a comment", "domain/state.ts", "/** Takes the time instead of Date.now(). */"],
    ["the database in the composition root", "server/server.ts", 'import { x } from "../database/database.js";'],
  ])("%s is allowed", (_, file, text) => {
    expect(violationsOf({ file, text })).toEqual([]);
  });
});
