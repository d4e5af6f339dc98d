import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/*
 * Arrows point one way: rpc, http -> check, manage -> token, identifier, and check, manage -> ports that store and openfga implement.
 * main.ts and app.ts with compose/ wire everything, dev/ does so for the embedded server; nothing else reaches across.
 */

/** Files that hold only an interface and its data; who needs the part behind it imports these. */
const ports = [
  "openfga/permission-checker.ts",
  "store/token-store.ts",
  "store/subject-store.ts",
  "store/policy-store.ts",
  "store/audit-store.ts",
  "store/usage-store.ts",
  "store/last-use-store.ts",
  "store/signing-key-store.ts",
  "store/leak-store.ts",
];

/** What an event is and how events are chained: pure, so that use-cases and stores may know it. */
const auditFacts = ["audit/event.ts", "audit/chain.ts"];

/** For each folder of src the folders or files that it may import, besides itself. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  failure: [],
  identifier: [],
  token: ["identifier"],
  background: [],
  audit: ["token", "background", "observability/log.ts", "observability/redact.ts", "store/audit-store.ts"],
  usage: [
    "identifier",
    "token",
    "check/reason.ts",
    "observability/log.ts",
    "store/usage-store.ts",
    "store/last-use-store.ts",
  ],
  leaks: ["token", "background", "observability/log.ts", "observability/redact.ts", "store/leak-store.ts"],
  revocation: ["failure", "token", "store/token-store.ts", "store/revocation-store.ts"],
  signing: ["token", "store/signing-key-store.ts"],
  access: ["failure", "identifier", "token"],
  check: ["failure", "identifier", "token", "background/deadlines.ts", ...ports],
  manage: [
    "failure",
    "identifier",
    "token",
    "access",
    "check/clock.ts",
    "check/token-resolver.ts",
    "observability/redact.ts",
    ...auditFacts,
    ...ports,
  ],
  doors: [
    "failure",
    "identifier",
    "token",
    "access",
    "check",
    "manage/exchange-token.ts",
    "signing/key-schedule.ts",
    "http/route.ts",
    "rpc/service.ts",
    ...ports,
  ],
  wire: [],
  rpc: ["failure", "identifier", "token", "access", "check", "manage", "wire", "config/nearest.ts", ...ports],
  http: ["failure", "rpc"],
  store: ["failure", "identifier", "token", "background", "check/reason.ts", ...auditFacts],
  openfga: ["failure", "identifier", "wire", "background/deadlines.ts"],
  config: [
    "failure",
    "doors/route-table.ts",
    "doors/request-path.ts",
    "doors/doors.ts",
    "identifier",
    "token",
    "access",
    "openfga/condition-context.ts",
    "store/database-address.ts",
    "store/signing-key-store.ts",
  ],
  observability: ["failure", "access/limits.ts", "check/reason.ts", "rpc/arrivals.ts", "config"],
};

/** May import everything. */
const wiring = ["main.ts", "app.ts", "compose", "cli", "dev"];

/** No transport, database or generated message: the decision and the use-cases do not know how they are called and what they are kept in. */
const transportFree = [
  "failure",
  "identifier",
  "token",
  "audit",
  "usage",
  "leaks",
  "revocation",
  "signing",
  "check",
  "manage",
];
const transports = /^(?:#gen\/|@bufbuild\/|@connectrpc\/|@grpc\/|@openfga\/|@electric-sql\/|drizzle-orm|#?postgres$)/;

/** Neither I/O nor a clock of their own. */
const pure = [
  "failure",
  "identifier",
  "token",
  "revocation/lease.ts",
  "revocation/token-cache.ts",
  "signing/key-schedule.ts",
  ...auditFacts,
];
const input =
  /^node:(?:fs|net|tls|http2?|https|dns|dgram|child_process|cluster|worker_threads|timers|perf_hooks|process|readline)/;
/** A parser of text, wherever Node keeps it. */
const harmless = 'import { isIP } from "node:net";';
const clock = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\(/;

interface Source {
  /** Relative to src, `check/judge.ts`. */
  readonly file: string;
  readonly text: string;
}

/** What the file imports: packages as they are written, its own kind relative to src and with their real ending. */
function importsOf({ file, text }: Source): readonly string[] {
  return [...text.matchAll(/(?:^|[;\n])\s*(?:import|export)\b[^;"'`]*?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g)]
    .map((match) => match[1] ?? match[2] ?? "")
    .map((specifier) =>
      specifier.startsWith(".") ? normalize(join(dirname(file), specifier)).replace(/\.js$/, ".ts") : specifier,
    );
}

const isSource = (imported: string): boolean => imported.endsWith(".ts");
const within = (file: string, parts: readonly string[]): boolean =>
  parts.some((part) => file === part || file.startsWith(`${part}/`));

function violationsOf(source: Source): readonly string[] {
  const { file, text } = source;
  const folder = file.split("/")[0] ?? "";
  const imports = importsOf(source);
  const found: string[] = [];
  if (!within(file, wiring)) {
    const allowed = arrows[folder];
    if (!allowed) return [`${file}: ${folder} has no row in the table of arrows`];
    for (const imported of imports.filter(isSource))
      if (!within(imported, [folder, ...allowed])) found.push(`${file} imports ${imported}`);
  }
  if (within(file, transportFree))
    for (const imported of imports) if (transports.test(imported)) found.push(`${file} imports ${imported}`);
  if (within(file, pure)) {
    const impure = importsOf({ file, text: text.replace(harmless, "") });
    for (const imported of impure) if (input.test(imported)) found.push(`${file} imports ${imported}`);
    if (clock.test(withoutComments(text))) found.push(`${file} reads a clock or the process`);
  }
  return found;
}

const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");

const root = fileURLToPath(new URL("../src", import.meta.url));
const sources: readonly Source[] = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => /(?<!\.test|\.d)\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

describe("the arrows between the parts", () => {
  it("are kept by every source file", () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(sources.flatMap(violationsOf)).toEqual([]);
  });

  it("name no file that has gone", () => {
    const files = new Set(sources.map(({ file }) => file));
    const named = Object.values(arrows).flat().filter(isSource);
    expect(named.filter((file) => !files.has(file))).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["a transport in the decision", "check/judge.ts", 'import { x } from "../rpc/service.js";'],
    ["a store behind its port", "manage/create-token.ts", 'import { x } from "../store/postgres-token-store.js";'],
    ["a type only", "token/grant.ts", 'import type { Failure } from "../failure/failure.js";'],
    ["an import of several lines", "store/schema.ts", 'import {\n  type A,\n  b,\n} from "../check/judge.js";'],
    ["a re-export", "openfga/model.ts", 'export { x } from "../manage/get-token.js";'],
    ["an import for effect", "http/route.ts", 'import "../store/database.js";'],
    ["an import at run time", "rpc/grpc.ts", 'const x = await import("../openfga/client.js");'],
    ["a way out of src", "rpc/grpc.ts", 'import { x } from "../../test/kit/ports.js";'],
    ["the composition root", "check/judge.ts", 'import { x } from "../app.js";'],
    ["a folder that nobody placed", "surprise/x.ts", ""],
    ["a message in a use-case", "manage/get-token.ts", 'import type { Token } from "#gen/patwarden/v1/token_pb.js";'],
    ["a driver in the decision", "check/judge.ts", 'import postgres from "postgres";'],
    ["a file in a pure folder", "token/pepper.ts", 'import { readFileSync } from "node:fs";'],
    ["a clock in a pure folder", "token/state.ts", "const now = Date.now();"],
  ])("%s is caught", (_, file, text) => {
    expect(violationsOf({ file, text })).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ["a neighbour", "token/grant.ts", 'import { x } from "./state.js";'],
    ["a port", "check/judge.ts", 'import type { TokenStore } from "../store/token-store.js";'],
    ["a package", "config/schema.ts", 'import { z } from "zod";'],
    ["a word in a comment", "token/state.ts", "/** Takes the time instead of Date.now(). */"],
    ["everything in the composition root", "app.ts", 'import { x } from "./store/database.js";'],
  ])("%s is let through", (_, file, text) => {
    expect(violationsOf({ file, text })).toEqual([]);
  });
});
