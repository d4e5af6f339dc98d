import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Traffic } from "./exchanges.js";

/** The output of the load generator. */
export interface LoadResult {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly wrong: number;
  readonly failed: number;
  /** The first wrong answer or failure, for a human. */
  readonly firstFault: string;
  /** CPU time of the generator for each call, microseconds. */
  readonly cpuUs: number;
}

export interface LoadSettings {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Sent as a bearer token; undefined: none. */
  readonly key?: string;
  /** Uses TLS, with any certificate. Default false. */
  readonly tls?: boolean;
  /** The calls in flight are divided among so many connections. Default 1. */
  readonly connections?: number;
  readonly inFlight: number;
  readonly durationMs: number;
  /** The least number of calls, even when the time is over. Default: one for each call in flight. */
  readonly minCalls?: number;
}

const generator = new URL("load-generator.mjs", import.meta.url).pathname;
const run = promisify(execFile);

/** Runs the load generator in its own process. Rejects when the connection breaks. */
export async function sendLoad(traffic: Traffic, settings: LoadSettings): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), "patwarden-load-"));
  const file = join(directory, "exchanges");
  try {
    const line = ({ expected, body }: Traffic["exchanges"][number]): string =>
      `${expected}\t${Buffer.from(body).toString("base64")}\n`;
    writeFileSync(file, traffic.exchanges.map(line).join(""));
    const { stdout } = await run(process.execPath, [
      generator,
      ...["--address", settings.address, "--path", traffic.path, "--exchanges", file, "--answer", traffic.answer],
      ...["--connections", String(settings.connections ?? 1), ...(settings.tls ? ["--tls"] : [])],
      ...["--in-flight", String(settings.inFlight), "--duration-ms", String(settings.durationMs)],
      ...["--min-calls", String(settings.minCalls ?? 0)],
      ...(settings.key === undefined ? [] : ["--authorization", `Bearer ${settings.key}`]),
    ]);
    return JSON.parse(stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
