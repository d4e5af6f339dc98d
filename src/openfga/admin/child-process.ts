import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Exit, exitText } from "./exit.js";

export interface EmbeddedOpenFgaOptions {
  /** The executable, see `findOpenFga`. */
  readonly binary: string;
  /**
   * An existing private folder, mode 0700: the working directory and home of OpenFGA, where SQLite keeps `openfga.db`.
   */
  readonly directory: string;
  /** `memory` keeps nothing after the process ends. */
  readonly engine: "sqlite" | "memory";
  /** Preshared key, without a comma. Default: 32 random bytes. */
  readonly apiKey?: string;
  /** Called with the warnings and errors of OpenFGA's log. Its info lines hold request bodies and are not passed on. */
  readonly onProblem?: (message: string) => void;
}

/** A running OpenFGA that ends with this process, even when this process is killed. */
export interface EmbeddedOpenFga {
  /** `127.0.0.1:PORT`. */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT`. */
  readonly http: string;
  readonly apiKey: string;
  /** Process id of the shell that supervises OpenFGA; OpenFGA is in its process group. */
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Asks OpenFGA to end, and kills it after 7 s. A second call does no harm. */
  stop(): Promise<Exit>;
}

/**
 * OpenFGA does not end with its parent. So it runs under this shell, whose stdin is a pipe that this process holds
 * open: when this process ends, in any way, the pipe closes and the shell ends OpenFGA. umask: SQLite would otherwise
 * make its file readable by everybody.
 */
const watchOver = `umask 077; exec 3<&0
"$@" </dev/null 3<&- & p=$!
trap 'kill -TERM $p 2>/dev/null' TERM INT HUP
{ read -r _ <&3; kill -TERM $p 2>/dev/null; } >/dev/null 2>&1 & w=$!
while :; do wait $p; rc=$?; kill -0 $p 2>/dev/null || break; done
kill $w 2>/dev/null; exit $rc`;

const startAttempts = 5;
const startTimeoutMs = 15_000;
const shutdownTimeoutMs = 5_000;
/** OpenFGA's exit code when it cannot start, for example because the port is taken. */
const cannotStart = 2;

/**
 * Starts OpenFGA on free loopback ports and waits until it answers to our key. Rejects with the text of its log when it
 * does not answer.
 */
export async function startOpenFga(options: EmbeddedOpenFgaOptions): Promise<EmbeddedOpenFga> {
  // Preshared keys are separated by commas; base64url has none.
  const apiKey = options.apiKey ?? randomBytes(32).toString("base64url");
  if (options.engine === "sqlite") await migrate(options);
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptToStart(options, apiKey);
    if (outcome.kind === "started") return outcome.openfga;
    // Another process may have taken the HTTP port after it was picked and before OpenFGA listened on it.
    if (outcome.exit.code !== cannotStart || attempt === startAttempts) {
      throw new Error(`OpenFGA ${exitText(outcome.exit)}: ${outcome.problem}`);
    }
  }
}

type StartOutcome =
  | { readonly kind: "started"; readonly openfga: EmbeddedOpenFga }
  | { readonly kind: "ended"; readonly exit: Exit; readonly problem: string };

async function attemptToStart(options: EmbeddedOpenFgaOptions, apiKey: string): Promise<StartOutcome> {
  const httpAddress = `127.0.0.1:${await freePort()}`;
  const http = `http://${httpAddress}`;
  const child = launch(options, runArguments(options, httpAddress), { OPENFGA_AUTHN_PRESHARED_KEYS: apiKey });
  let ended: Exit | undefined;
  void child.exited.then((exit) => {
    ended = exit;
  });
  const giveUp = AbortSignal.timeout(startTimeoutMs);
  try {
    const grpc = await Promise.race([child.grpcAddress, child.exited.then(() => undefined), aborted(giveUp)]);
    if (grpc !== undefined) {
      while (!ended && !(await answersToOurKeyOnly(http, apiKey, giveUp)))
        await sleep(20, undefined, { signal: giveUp });
      // Another process on this port may have answered while our own OpenFGA ended with "address in use".
      if (!ended) return { kind: "started", openfga: { grpc, http, apiKey, ...child } };
    }
    return { kind: "ended", exit: await child.exited, problem: child.lastProblem() };
  } catch (error) {
    await child.stop();
    if (giveUp.aborted) {
      throw new Error(`OpenFGA did not answer within ${startTimeoutMs} ms: ${child.lastProblem()}`, { cause: error });
    }
    throw error;
  }
}

async function migrate(options: EmbeddedOpenFgaOptions): Promise<void> {
  // Without --timeout it waits for a minute on a path that does not work.
  const child = launch(options, ["migrate", ...datastore(options), "--timeout", "5s"], {});
  const exit = await child.exited;
  if (exit.code !== 0) throw new Error(`openfga migrate ${exitText(exit)}: ${child.lastProblem()}`);
}

/**
 * Flags take precedence over a stray config.yaml, which could enable a profiler or listen on all interfaces. So every
 * setting that matters is set here.
 */
function runArguments(options: EmbeddedOpenFgaOptions, httpAddress: string): readonly string[] {
  return [
    "run",
    ...["--grpc-addr", "127.0.0.1:0"],
    ...["--http-enabled=true", "--http-addr", httpAddress],
    ...["--metrics-enabled=false", "--profiler-enabled=false", "--playground-enabled=false", "--trace-enabled=false"],
    ...["--authn-method", "preshared"],
    ...["--check-query-cache-enabled=false", "--check-iterator-cache-enabled=false", "--shared-iterator-enabled=false"],
    ...datastore(options),
    // OpenFGA logs the gRPC port that it picked at level info only.
    ...["--log-format", "json", "--log-level", "info"],
    ...["--shutdown-timeout", `${shutdownTimeoutMs}ms`],
  ];
}

function datastore({ engine, directory }: EmbeddedOpenFgaOptions): readonly string[] {
  if (engine === "memory") return ["--datastore-engine", "memory"];
  // A plain %, ? or # in a path would end or change it.
  const path = join(directory, "openfga.db").split(sep).map(encodeURIComponent).join("/");
  return ["--datastore-engine", "sqlite", "--datastore-uri", `file:${path}`];
}

interface Launched {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Stays pending when OpenFGA never logs it. */
  readonly grpcAddress: Promise<string>;
  lastProblem(): string;
  stop(): Promise<Exit>;
}

function launch(
  { binary, directory, onProblem }: EmbeddedOpenFgaOptions,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Launched {
  const child = spawn("/bin/sh", ["-c", watchOver, "sh", binary, ...args], {
    cwd: directory,
    // Our own environment is not passed on: other OPENFGA_* variables would configure OpenFGA, and it must not see our
    // secrets. TMPDIR is not our folder: OpenFGA puts a socket there, and its path must be short and without %
    // (v1.22.1).
    env: { PATH: process.env["PATH"] ?? "", HOME: directory, TMPDIR: tmpdir(), ...env },
    stdio: ["pipe", "pipe", "pipe"],
    // In a process group of its own: Ctrl-C reaches only this process, which ends OpenFGA after its last call.
    detached: true,
  });
  let problem = "it logged no problem";
  let toldHelp = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once("error", (error) => {
      problem = error.message;
      resolve({ code: null, signal: null });
    });
    // "close" and not "exit": at "exit" the last lines of the log may not have arrived yet.
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const grpcAddress = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        const entry = parseLogLine(line);
        const address = /starting gRPC server on '([^']+)'/.exec(entry.message)?.[1];
        if (address !== undefined) resolve(address);
        // After a wrong flag OpenFGA prints its whole help text, which does not help here.
        if (!entry.problem || toldHelp) return;
        toldHelp = entry.message.startsWith("Usage:");
        if (toldHelp) return;
        problem = entry.message;
        onProblem?.(entry.message);
      });
    }
  });
  return {
    pid: child.pid ?? 0,
    exited,
    grpcAddress,
    lastProblem: () => problem,
    async stop() {
      child.stdin.destroy();
      const patience = setTimeout(() => killGroup(child), shutdownTimeoutMs + 2_000);
      const exit = await exited;
      clearTimeout(patience);
      return exit;
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The process has just ended.
  }
}

interface LogLine {
  readonly message: string;
  readonly problem: boolean;
}

/**
 * Parses a line of the log. A line that is not JSON is the usage text of the command line or a crash: its first line
 * names the fault.
 */
function parseLogLine(line: string): LogLine {
  if (!line.startsWith("{")) return { message: line, problem: /^(?:Error|panic|fatal error|sh): /.test(line) };
  try {
    const { level, msg, error }: { level?: unknown; msg?: unknown; error?: unknown } = JSON.parse(line);
    const message = typeof error === "string" ? `${msg}: ${error}` : String(msg);
    // Two warnings come at every start; they are about settings that we chose.
    return { message, problem: level !== "info" && level !== "debug" && !message.includes("TLS is disabled") };
  } catch {
    return { message: line, problem: true };
  }
}

/**
 * Returns whether OpenFGA accepts our key and refuses a call without one. The health endpoint needs no key, so another
 * process on this port could answer there.
 */
async function answersToOurKeyOnly(http: string, apiKey: string, signal: AbortSignal): Promise<boolean> {
  const statusOf = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`${http}/stores?page_size=1`, { headers, signal });
    await response.arrayBuffer();
    return response.status;
  };
  try {
    return (await statusOf({ authorization: `Bearer ${apiKey}` })) === 200 && (await statusOf({})) === 401;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
