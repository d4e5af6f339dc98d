import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createOpenFgaAdmin } from "../../src/openfga/admin/admin.js";
import { findOpenFga } from "../../src/openfga/admin/binary.js";
import type { Identity } from "../../test/kit/authority.js";
import { track } from "../../test/kit/children.js";
import { freePort } from "../../test/kit/postgres.js";
import { model, tuples } from "./workload.js";

export interface OpenFga {
  /** `127.0.0.1:PORT`. */
  readonly grpc: string;
  readonly storeId: string;
  readonly modelId: string;
  pid(): number;
  stop(): Promise<void>;
  /** Freezes its process until the returned function is called. */
  freeze(): () => void;
  /** Starts it again on the same port; with a `databaseUrl` it still has its data. */
  start(): Promise<void>;
}

export interface OpenFgaSettings {
  /** Whether its check query cache is on, for 60 s. */
  readonly queryCache: boolean;
  /** Where it keeps its data. Default: memory. */
  readonly databaseUrl?: string;
  /** Makes its gRPC port use TLS. Default: plaintext. */
  readonly identity?: Pick<Identity, "certFile" | "keyFile">;
}

const startLimitMs = 20_000;

/** Starts an OpenFGA without authentication that logs only errors, with the model and the tuples of the workload. */
export async function startOpenFga({ queryCache, databaseUrl, identity }: OpenFgaSettings): Promise<OpenFga> {
  const binary = openFgaBinary();
  const datastore =
    databaseUrl === undefined
      ? ["--datastore-engine", "memory"]
      : ["--datastore-engine", "postgres", "--datastore-uri", databaseUrl];
  if (databaseUrl !== undefined) execFileSync(binary, ["migrate", ...datastore], { stdio: "ignore" });
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const flags = [
    ...["run", "--grpc-addr", grpc, "--http-addr", http, "--log-level", "error"],
    ...["--metrics-enabled=false", "--playground-enabled=false"],
    ...(identity
      ? ["--grpc-tls-enabled", "--grpc-tls-cert", identity.certFile, "--grpc-tls-key", identity.keyFile]
      : []),
    ...(queryCache ? ["--check-query-cache-enabled", "--check-query-cache-ttl", "60s"] : []),
    ...datastore,
  ];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = track(spawn(binary, flags, { stdio: ["ignore", "ignore", "inherit"] }));
    child = started;
    for (const begin = performance.now(); performance.now() - begin < startLimitMs; await sleep(20)) {
      if (hasEnded(started)) throw new Error("OpenFGA ended at its start");
      if (await isHealthy(http)) return;
    }
    throw new Error(`OpenFGA was not ready within ${startLimitMs} ms`);
  }

  async function stop(): Promise<void> {
    if (!child || hasEnded(child)) return;
    const ended = once(child, "exit");
    child.kill();
    await ended;
  }

  function freeze(): () => void {
    child?.kill("SIGSTOP");
    return () => child?.kill("SIGCONT");
  }

  await start();
  try {
    const admin = createOpenFgaAdmin({ http: `http://${http}`, apiKey: "not needed" });
    const storeId = await admin.createStore("bench");
    const modelId = await admin.writeModel(storeId, model);
    await admin.writeTuples(storeId, tuples);
    return { grpc, storeId, modelId, pid: () => child?.pid ?? 0, start, stop, freeze };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function openFgaVersion(): string {
  // OpenFGA prints it to stderr.
  const said = execFileSync("/bin/sh", ["-c", `"$0" version 2>&1`, openFgaBinary()], { encoding: "utf8" });
  return /version `([^`]*)`/.exec(said)?.[1] ?? "of unknown version";
}

function openFgaBinary(): string {
  const binary = findOpenFga();
  if (binary === undefined) throw new Error("no OpenFGA on the PATH or in .tools/bin; run `make openfga`");
  return binary;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function isHealthy(http: string): Promise<boolean> {
  try {
    return (await fetch(`http://${http}/healthz`)).ok;
  } catch {
    return false;
  }
}
