import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/config.js";
import { defaults } from "../config/defaults.js";
import { openPglite } from "../database/database.js";
import { type HostPort, parseHostPort } from "../domain/host-port.js";
import type { ActionName } from "../domain/identifier.js";
import { isLoopback } from "../domain/network.js";
import { createOpenFgaAdmin, type Tuple } from "../openfga/admin/admin.js";
import { findOpenFga } from "../openfga/admin/binary.js";
import { type EmbeddedOpenFga, type Exit, startOpenFga } from "../openfga/admin/child-process.js";
import { lockFolder } from "../server/dev/folder-lock.js";
import { type DevSecrets, freshSecrets, keptSecrets, makePrivateDirectory } from "../server/dev/state-directory.js";
import { tryOutLines } from "../server/dev/try-out-lines.js";
import { startPatwarden } from "../server/server.js";
import { createLogger } from "../telemetry/log.js";
import { tell, writeOut } from "./output.js";
import { aborted, takeSignals } from "./signals.js";

export interface DevOptions {
  /** Keep nothing: database and OpenFGA in memory, fresh secrets. */
  readonly ephemeral: boolean;
  readonly directory: string;
  readonly grpc: string;
  readonly http: string;
  readonly publicHttp: string;
  readonly model?: string;
  readonly tuples?: string;
  readonly readyFile?: string;
}

const storeName = "patwarden-dev";
const exampleModel = fileURLToPath(new URL("../../examples/direct/model.fga", import.meta.url));

/**
 * The whole service in one process on loopback, with an OpenFGA of its own, until a signal. One that comes during the start ends the process at
 * once: the lock and OpenFGA end with it.
 */
export async function dev(options: DevOptions): Promise<void> {
  const grpc = loopback("--grpc", options.grpc);
  const http = loopback("--http", options.http);
  const publicHttp = loopback("--public-http", options.publicHttp);
  const model = readFileSync(options.model ?? exampleModel, "utf8");
  const tuples = options.tuples === undefined ? [] : readTuples(options.tuples);
  const binary = findOpenFga();
  if (binary === undefined) throw new Error("no `openfga` on the PATH or in .tools/bin; `make openfga` gets one");

  const log = createLogger({ level: "warn" });
  // Absolute: OpenFGA runs in a folder below it.
  const directory = options.ephemeral ? mkdtempSync(join(tmpdir(), "patwarden-")) : resolve(options.directory);
  makePrivateDirectory(directory);
  if (options.ephemeral) process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  else await lockFolder(directory);
  tell("opening the database and starting OpenFGA");
  const openfgaDirectory = join(directory, "openfga");
  makePrivateDirectory(openfgaDirectory);
  const starting = startOpenFga({
    binary,
    directory: openfgaDirectory,
    engine: options.ephemeral ? "memory" : "sqlite",
    onProblem: (problem) => log.warn({ problem }, "OpenFGA"),
  });
  const opening = openPglite(options.ephemeral ? undefined : directory);
  // Both, before either's failure is told: what has started must be stopped.
  const [started, opened] = await Promise.allSettled([starting, opening]);
  try {
    const openfga = settled(started);
    const database = settled(opened);
    // One that a killed process left would be taken for ours.
    if (options.readyFile !== undefined) rmSync(options.readyFile, { force: true });
    await database.migrate();
    const secrets = options.ephemeral
      ? freshSecrets(defaults.tokens.brand)
      : keptSecrets(directory, defaults.tokens.brand);
    const admin = createOpenFgaAdmin(openfga);
    const storeId = (await admin.findStore(storeName)) ?? (await admin.createStore(storeName));
    const modelId = await admin.writeModel(storeId, model, options.model ?? exampleModel);
    await admin.writeTuples(storeId, tuples);

    const running = await startPatwarden(configFor({ grpc, http, publicHttp, secrets, openfga, storeId, modelId }), {
      database,
      log,
    });
    const ready = {
      grpc: running.grpc,
      http: `http://${running.http}`,
      public_http: `http://${running.publicHttp}`,
      service_key: secrets.serviceKey,
      openfga: {
        grpc: openfga.grpc,
        http: openfga.http,
        api_key: openfga.apiKey,
        store_id: storeId,
        model_id: modelId,
      },
    };
    const stopped = takeSignals((signal) => log.warn({ signal }, "second signal: ending at once"));
    let ended: Exit | undefined;
    try {
      if (options.readyFile !== undefined) writeAtOnce(options.readyFile, `${JSON.stringify(ready)}\n`);
      await writeOut(tryOutLines(ready, options.ephemeral ? undefined : join(directory, "service-key")));
      ended = (await Promise.race([aborted(stopped), openfga.exited])) ?? undefined;
      tell("stopping");
    } finally {
      await running.stop();
      if (options.readyFile !== undefined) rmSync(options.readyFile, { force: true });
    }
    if (ended) throw new Error(`OpenFGA ended by itself with ${ended.code ?? ended.signal}`);
  } finally {
    if (started.status === "fulfilled") await started.value.stop();
    if (opened.status === "fulfilled") await opened.value.close();
  }
}

function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

interface DevParts {
  readonly grpc: HostPort;
  readonly http: HostPort;
  readonly publicHttp: HostPort;
  readonly secrets: DevSecrets;
  readonly openfga: EmbeddedOpenFga;
  readonly storeId: string;
  readonly modelId: string;
}

function configFor({ grpc, http, publicHttp, secrets, openfga, storeId, modelId }: DevParts): Config {
  const openfgaAddress = parseHostPort(openfga.grpc);
  const url = `http://${http.host}:${http.port}`;
  if (!openfgaAddress.ok) throw new Error(`OpenFGA listens on an odd address: ${openfgaAddress.problem}`);
  return {
    log: { level: "warn" },
    grpc: { listen: grpc },
    http: { listen: http },
    publicHttp: { listen: publicHttp, origins: [], trustedProxies: [] },
    metrics: { listen: { host: "127.0.0.1", port: 0 } },
    // PGlite is opened already.
    database: { address: { hosts: [], tls: { mode: "disable" }, parameters: {} }, maxConnections: 1, prepare: true },
    openfga: {
      addresses: [openfgaAddress.value],
      tls: false,
      auth: { preshared: openfga.apiKey },
      storeId,
      modelId,
      timeoutMs: 2_000,
      maxBatch: defaults.openfga.max_batch,
      maxStalenessMs: 0,
      listDeadlineMs: 3_000,
      context: {},
    },
    tokenCache: { maxBytes: 64 * 1024 * 1024, leaseMs: 5_000 },
    tokens: {
      brand: defaults.tokens.brand,
      defaultLifetimeMs: 90 * 24 * 3_600_000,
      peppers: [{ version: 1, key: secrets.pepper, active: true }],
    },
    subjects: { user: defaults.subjects.user_type, organization: defaults.subjects.organization_type },
    relations: devRelations,
    callers: [
      {
        caller: { kind: "service", name: "dev", permissions: new Set(["admin"]) },
        keySha256: [createHash("sha256").update(secrets.serviceKey).digest("hex")],
        certificates: [],
      },
    ],
    issuers: [],
    limits: {},
    usage: { flushIntervalMs: 1_000, lastUse: true },
    audit: {},
    doors: {
      routes: devRoutes,
      forwardAuth: { basic: true, trustedProxies: [] },
      extAuthz: { basic: true, trustedProxies: [] },
      oauth: {
        issuer: url,
        maxCacheMs: 60_000,
        exchange: { audiences: ["https://api.example"], lifetimeMs: 60_000, algorithm: "ES256" },
      },
      authZen: { identifier: url },
      leaks: { report: true, providers: {}, notifyOnly: [] },
    },
    dangerouslyDisableCallerAuthentication: false,
    reflection: true,
    drainDelayMs: 0,
    graceMs: 5_000,
  };
}

/** For the proxies of docs/, with the model of examples/direct. */
const devRoutes: Config["doors"]["routes"] = [
  {
    path: "/documents/{id}/**",
    resource: "document:{id}",
    action: "viewer" as ActionName,
    semicolons: false,
    preflights: false,
  },
];

/** The defaults of the configuration. */
const devRelations = Object.fromEntries(
  (["member", "read", "create", "approve", "revoke", "policy"] as const).map((right) => [
    right,
    right === "member" ? defaults.subjects.member_relation : defaults.subjects.relation,
  ]),
) as Config["relations"]; // every right is there, and the defaults are names of relations

function loopback(option: string, text: string): HostPort {
  const parsed = parseHostPort(text);
  if (!parsed.ok) throw new Error(`${option} ${parsed.problem}`);
  if (!isLoopback(parsed.value.host)) throw new Error(`${option} must be a loopback address: dev serves without TLS`);
  return parsed.value;
}

function readTuples(file: string): readonly Tuple[] {
  const read = parsed(readFileSync(file, "utf8"));
  const isTuple = (entry: unknown): entry is Tuple =>
    ["user", "relation", "object"].every((key) => typeof Object(entry)[key] === "string");
  if (!Array.isArray(read) || !read.every(isTuple)) {
    throw new Error(`${file} must be a JSON array of {user, relation, object, condition?}`);
  }
  return read;
}

/** Undefined for what is no JSON: the parser's error would quote it, and the file may be the wrong one. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whoever waits for the file finds it whole. */
function writeAtOnce(file: string, text: string): void {
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, text, { mode: 0o600 });
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
