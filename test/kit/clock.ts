import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "./program.js";

/** The wall clock of the processes that are started with its environment. */
export interface TestClock {
  /** For `startServer` and `startPostgres`; every process with this environment has this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** How far this clock is ahead of the machine's, milliseconds. */
  readonly offsetMs: number;
  /** Moves the clock by this many milliseconds at once; negative values move it back. */
  step(ms: number): void;
  /** Sets the clock to the machine's time again. */
  reset(): void;
  /** Removes the clock. Call it when its processes have ended. */
  remove(): void;
}

export const noClock =
  "NO C COMPILER: install one (Debian: apt-get install gcc libc6-dev); tests that step clocks are skipped";

const compiler = process.platform === "linux" ? findProgram("cc") : undefined;

/** Returns whether clocks can be shifted on this machine: Linux's dynamic linker preloads clock-shift.c. */
export function haveClock(): boolean {
  return compiler !== undefined;
}

/** Creates a clock that shows the machine's time until it is stepped. */
export function createClock(): TestClock {
  if (compiler === undefined) throw new Error(noClock);
  const folder = mkdtempSync(join(tmpdir(), "patwarden-clock-"));
  // PostgreSQL reads it as another user.
  chmodSync(folder, 0o755);
  const library = join(folder, "clock-shift.so");
  const source = fileURLToPath(new URL("clock-shift.c", import.meta.url));
  execFileSync(compiler, ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source]);
  const file = join(folder, "offset");
  const descriptor = openSync(file, "w", 0o644);
  let offsetMs = 0;
  const set = (ms: number): void => {
    offsetMs = ms;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(ms)));
    // Eight aligned bytes in one write: a process reads either the old offset or the new one.
    writeSync(descriptor, bytes, 0, bytes.length, 0);
  };
  set(0);
  return {
    env: { LD_PRELOAD: library, PATWARDEN_TEST_CLOCK: file },
    get offsetMs() {
      return offsetMs;
    },
    step: (ms) => set(offsetMs + ms),
    reset: () => set(0),
    remove() {
      closeSync(descriptor);
      rmSync(folder, { recursive: true });
    },
  };
}
