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
  "domain/permission-checker.ts",
  "domain/token-store.ts",
  "domain/subject-store.ts",
  "domain/policy-store.ts",
  "audit/audit-store.ts",
  "usage/usage-store.ts",
  "domain/last-use-store.ts",
  "exchange/signing-key-store.ts",
  "leaks/leak-store.ts",
];

/** What an event is and how events are chained: pure, so that use-cases and stores may know it. */
const auditFacts = ["domain/audit-event.ts", "audit/chain.ts"];

/** For each folder of src the folders or files that it may import, besides itself. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  failure: [],
  identifier: [],
  token: ["identifier"],
  background: [],
  audit: ["token", "background", "telemetry/log.ts", "domain/redact.ts", "audit/audit-store.ts"],
  usage: [
    "identifier",
    "token",
    "domain/reason.ts",
    "telemetry/log.ts",
    "usage/usage-store.ts",
    "domain/last-use-store.ts",
  ],
  leaks: ["token", "background", "telemetry/log.ts", "domain/redact.ts", "leaks/leak-store.ts"],
  revocation: ["failure", "token", "domain/token-store.ts", "revocation/revocation-store.ts"],
  signing: ["token", "exchange/signing-key-store.ts"],
  access: ["failure", "identifier", "token"],
  check: ["failure", "identifier", "token", "async/deadlines.ts", ...ports],
  manage: [
    "failure",
    "identifier",
    "token",
    "access",
    "domain/clock.ts",
    "check/token-resolver.ts",
    "domain/redact.ts",
    ...auditFacts,
    ...ports,
  ],
  doors: [
    "failure",
    "identifier",
    "token",
    "access",
    "check",
    "exchange/exchange-token.ts",
    "exchange/key-schedule.ts",
    "transport/route.ts",
    "transport/service.ts",
    ...ports,
  ],
  wire: [],
  rpc: ["failure", "identifier", "token", "access", "check", "manage", "wire", "domain/nearest.ts", ...ports],
  http: ["failure", "rpc"],
  store: ["failure", "identifier", "token", "background", "domain/reason.ts", ...auditFacts],
  openfga: ["failure", "identifier", "wire", "async/deadlines.ts"],
  config: [
    "failure",
    "integrations/shared/route-table.ts",
    "integrations/shared/request-path.ts",
    "integrations/integrations.ts",
    "identifier",
    "token",
    "access",
    "openfga/condition-context.ts",
    "config/database-address.ts",
    "exchange/signing-key-store.ts",
  ],
  observability: ["failure", "callers/limits.ts", "domain/reason.ts", "transport/arrivals.ts", "config"],
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
  "exchange/key-schedule.ts",
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
    ["a type only", "domain/grant.ts", 'import type { Failure } from "../failure/failure.js";'],
    ["an import of several lines", "database/schema.ts", 'import {\n  type A,\n  b,\n} from "../check/judge.js";'],
    ["a re-export", "openfga/model.ts", 'export { x } from "../manage/get-token.js";'],
    ["an import for effect", "transport/route.ts", 'import "../store/database.js";'],
    ["an import at run time", "transport/grpc.ts", 'const x = await import("../openfga/client.js");'],
    ["a way out of src", "transport/grpc.ts", 'import { x } from "../../test/kit/ports.js";'],
    ["the composition root", "check/judge.ts", 'import { x } from "../app.js";'],
    ["a folder that nobody placed", "surprise/x.ts", ""],
    ["a message in a use-case", "manage/get-token.ts", 'import type { Token } from "#gen/patwarden/v1/token_pb.js";'],
    ["a driver in the decision", "check/judge.ts", 'import postgres from "postgres";'],
    ["a file in a pure folder", "domain/pepper.ts", 'import { readFileSync } from "node:fs";'],
    ["a clock in a pure folder", "domain/state.ts", "const now = Date.now();"],
  ])("%s is caught", (_, file, text) => {
    expect(violationsOf({ file, text })).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ["a neighbour", "domain/grant.ts", 'import { x } from "./state.js";'],
    ["a port", "check/judge.ts", 'import type { TokenStore } from "../store/token-store.js";'],
    ["a package", "config/schema.ts", 'import { z } from "zod";'],
    ["a word in a comment", "domain/state.ts", "/** Takes the time instead of Date.now(). */"],
    ["everything in the composition root", "app.ts", 'import { x } from "./store/database.js";'],
  ])("%s is let through", (_, file, text) => {
    expect(violationsOf({ file, text })).toEqual([]);
  });
});
