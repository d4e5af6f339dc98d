import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import type { GrpcEngine } from "../../src/domain/grpc-engine.js";
import { track } from "./children.js";
import { grpcPort, httpPort, type Port } from "./ports.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
const pgliteServer = new URL("./pglite-server.mjs", import.meta.url).pathname;

export const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex");
export const newKey = (): string => `pw_svc_${randomBytes(24).toString("hex")}`;

/** Returns the environment that makes both the gRPC port and the calls to OpenFGA use this engine. */
export const onEngine = (engine: GrpcEngine): Readonly<Record<string, string>> => ({
  PATWARDEN_GRPC_ENGINE: engine,
  PATWARDEN_OPENFGA_ENGINE: engine,
});

/** The engines of this run, when they are not the product's defaults: all tests can be run on either. */
const chosenEngines = Object.fromEntries(
  ["PATWARDEN_GRPC_ENGINE", "PATWARDEN_OPENFGA_ENGINE"].flatMap((name) => {
    const engine = process.env[name];
    return engine === undefined ? [] : [[name, engine]];
  }),
);

/** A started process of the built `patwarden`, its log and a way to stop it. */
export interface Started {
  readonly child: ChildProcess;
  /** Returns everything that it has written to stderr so far. */
  readonly log: () => string;
  readonly exited: Promise<number | null>;
  /** Sends a signal (SIGTERM by default) and waits until the process ends. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs `patwarden ARGS` and passes each line of its log to `onLine`. */
export function runPatwarden(
  args: readonly string[],
  settings: {
    readonly cwd?: string;
    /** Run instead of the built command line. */
    readonly script?: string;
    /** Run instead of Node with a script. */
    readonly program?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly onLine?: (line: string) => void;
  } = {},
): Started {
  const child = track(
    spawn(settings.program ?? process.execPath, [...(settings.program ? [] : [settings.script ?? main]), ...args], {
      cwd: settings.cwd ?? tmpdir(),
      env: { PATH: process.env["PATH"] ?? "", ...chosenEngines, ...settings.env },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  let log = "";
  const exited = new Promise<number | null>((resolve) => {
    child.once("close", resolve);
  });
  child.stdout.resume();
  createInterface(child.stderr).on("line", (line) => {
    log += `${line}\n`;
    settings.onLine?.(line);
  });
  return {
    child,
    log: () => log,
    exited,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return exited;
    },
  };
}

export interface ServerSettings {
  /** A migrated database. Undefined: an embedded one in memory. */
  readonly databaseUrl: string | undefined;
  /** `database.prepare`; when false, the text of every statement is on the wire. Default true. */
  readonly prepare?: boolean;
  readonly openfga: {
    readonly addresses: readonly string[];
    readonly apiKey: string;
    readonly storeId: string;
    readonly modelId: string;
    /** Default false. A certificate of a test's own authority needs NODE_EXTRA_CA_CERTS in `env`. */
    readonly tls?: boolean;
    /** Default: the one of the configuration. */
    readonly engine?: GrpcEngine;
  };
  /** Merged over the configuration, by top-level key. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Callers in addition to the kit's own, as in the configuration. */
  readonly callers?: readonly object[];
  /** Environment of the server process, in addition to the PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run instead of the built command line, with the configuration file as its argument. */
  readonly script?: string;
}

export interface Server extends Started {
  /** gRPC and HTTP, with the administrator's key. */
  readonly ports: readonly Port[];
  port(name: Port["name"]): Port;
  /** `127.0.0.1:PORT`. */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT`. */
  readonly http: string;
  /** The same for `public_http`; empty when it is not enabled. */
  readonly publicHttp: string;
  /** The same for `console`. */
  readonly console: string;
  readonly metrics: string;
  readonly configFile: string;
  /** Keys by caller name. */
  readonly keys: Readonly<Record<"admin" | "checker" | "narrow", string>>;
}

interface Listening {
  readonly grpc: string;
  readonly http: string;
  readonly public_http?: string;
  readonly console?: string;
  readonly metrics: string;
}

export const testPepper = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64");

/** Runs `patwarden migrate`. */
export async function migrate(databaseUrl: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { exited, log } = runPatwarden(["migrate"], { env: { ...env, PATWARDEN_DATABASE_URL: databaseUrl } });
  if ((await exited) !== 0) throw new Error(`patwarden migrate failed:\n${log()}`);
}

/** Starts `patwarden serve` with a real database and a real OpenFGA, on free ports. Resolves when it listens. */
export async function startServer(settings: ServerSettings): Promise<Server> {
  const keys = { admin: newKey(), checker: newKey(), narrow: newKey() };
  const directory = mkdtempSync(join(tmpdir(), "patwarden-test-"));
  const configFile = join(directory, "patwarden.yaml");
  const { openfga } = settings;
  const config = {
    grpc: { listen: "127.0.0.1:0" },
    http: { listen: "127.0.0.1:0" },
    metrics: { listen: "127.0.0.1:0" },
    database: { url: settings.databaseUrl ?? "postgres://none", max_connections: 5, prepare: settings.prepare ?? true },
    openfga: {
      addresses: openfga.addresses,
      tls: openfga.tls ?? false,
      ...(openfga.engine && { engine: openfga.engine }),
      auth: { preshared: openfga.apiKey },
      store_id: openfga.storeId,
      model_id: openfga.modelId,
    },
    tokens: { peppers: [{ version: 1, key: testPepper, active: true }] },
    callers: [
      { name: "admin", key_sha256: [hashOf(keys.admin)], permissions: ["admin"] },
      { name: "checker", key_sha256: [hashOf(keys.checker)], permissions: ["check"] },
      {
        name: "narrow",
        key_sha256: [hashOf(keys.narrow)],
        permissions: ["tokens.impersonate", "tokens.read", "tokens.revoke"],
        subjects: ["user:*"],
        max_lifetime: "1d",
        max_grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
      },
      ...(settings.callers ?? []),
    ],
    drain_delay: "0s",
    ...settings.config,
  };
  writeFileSync(configFile, stringify(config), { mode: 0o600 });

  let report: (line: Listening) => void = () => undefined;
  const listening = new Promise<Listening>((resolve) => {
    report = resolve;
  });
  const script = settings.script ?? (settings.databaseUrl === undefined ? pgliteServer : undefined);
  const started = runPatwarden(script !== undefined ? [configFile] : ["serve", "--config", configFile], {
    ...(script !== undefined && { script }),
    ...(settings.env && { env: settings.env }),
    onLine(line) {
      const entry = line.startsWith("{") ? JSON.parse(line) : {};
      if (entry.msg === "listening") report(entry);
    },
  });
  const ended = started.exited.then((code) => {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`patwarden ended with ${code}:\n${started.log()}`);
  });
  ended.catch(() => undefined);
  const { grpc, http: httpAddress, public_http, console, metrics } = await Promise.race([listening, ended]);
  const http = `http://${httpAddress}`;
  const named = { gRPC: grpcPort(grpc, keys.admin), HTTP: httpPort(http, keys.admin) };
  const ports = Object.values(named);
  return {
    ...started,
    ports,
    port: (name) => named[name],
    grpc,
    http,
    publicHttp: public_http === undefined ? "" : `http://${public_http}`,
    console: console === undefined ? "" : `http://${console}`,
    metrics,
    configFile,
    keys,
    async stop(signal) {
      for (const port of ports) port.close();
      return started.stop(signal);
    },
  };
}
