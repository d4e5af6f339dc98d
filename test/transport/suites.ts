import { execFile } from "node:child_process";
import { join } from "node:path";
import { findProgram, tools } from "../kit/program.js";

/** The suites of others, and how to install each. */
export const suites = {
  h2spec: { program: findProgram("h2spec", join(tools, "bin/h2spec")), source: "`make http2-suites` builds it" },
  h2specd: { program: findProgram("h2specd", join(tools, "bin/h2specd")), source: "`make http2-suites` builds it" },
  interop: {
    program: findProgram("grpc-interop-client", join(tools, "bin/grpc-interop-client")),
    source: "`make http2-suites` builds it",
  },
  connectconformance: {
    program: findProgram("connectconformance", join(tools, "bin/connectconformance")),
    source: "`make http2-suites` builds it",
  },
  grpcurl: { program: findProgram("grpcurl", join(tools, "bin/grpcurl")), source: "`make http2-suites` builds it" },
  curl: { program: findProgram("curl"), source: "Debian: apt-get install curl" },
  h2load: { program: findProgram("h2load"), source: "Debian: apt-get install nghttp2-client" },
} as const;

export type SuiteName = keyof typeof suites;

/** Returns whether a suite is there. When not, says so: its tests are skipped. */
export function haveSuite(name: SuiteName): boolean {
  const { program, source } = suites[name];
  if (program === undefined) process.stderr.write(`NO ${name.toUpperCase()}: ${source}; its tests are skipped\n`);
  return program !== undefined;
}

export interface Run {
  readonly status: number | string;
  /** Everything that it printed. */
  readonly output: string;
}

/** Runs a suite to its end. */
export function runSuite(name: SuiteName, args: readonly string[], timeoutMs: number): Promise<Run> {
  const { program, source } = suites[name];
  if (program === undefined) throw new Error(`no ${name}: ${source}`);
  return new Promise((resolve) => {
    execFile(program, args, { timeout: timeoutMs, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : (error.code ?? error.signal ?? "unknown");
      resolve({ status, output: stdout + stderr });
    });
  });
}
