import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The result of the tests of one language. */
export type Outcome =
  | { readonly kind: "counted"; readonly passed: number; readonly failed: number }
  /** Its toolchain is missing. */
  | { readonly kind: "skipped"; readonly why: string }
  /** It did not get as far as counting. */
  | { readonly kind: "broken"; readonly why: string };

/** Long, because toolchains fetch and build everything the first time. */
const limitMs = 30 * 60_000;

const toolchainMissing = 77;

/** Runs `test.sh` of a client; everything that it prints is shown as it comes. */
export async function testLanguage(folder: string, environmentFile: string, signal: AbortSignal): Promise<Outcome> {
  if (!existsSync(join(folder, "test.sh"))) return { kind: "broken", why: "it has no test.sh" };
  // A process group of its own, so that everything it has started can be killed with it.
  const child = spawn("bash", ["test.sh"], {
    cwd: folder,
    env: { ...process.env, PATWARDEN_CLIENT_TESTS: environmentFile },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  let tail = "";
  child.stdout.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    tail = (tail + chunk.toString()).slice(-10_000);
  });
  const stop = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  };
  stop.addEventListener("abort", kill);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  stop.removeEventListener("abort", kill);
  if (stop.aborted) return { kind: "broken", why: signal.aborted ? "stopped" : `not done in ${limitMs / 60_000} min` };
  return outcomeOf(code, tail.trimEnd().split("\n").at(-1) ?? "");
}

/** Returns the outcome by exit code and last line. A non-zero exit code counts as at least one failure. */
export function outcomeOf(code: number | null, lastLine: string): Outcome {
  if (code === toolchainMissing) {
    return { kind: "skipped", why: lastLine.startsWith("SKIPPED: ") ? lastLine : "SKIPPED: it does not say why" };
  }
  const counts = /^(\d+) passed, (\d+) failed$/.exec(lastLine);
  if (!counts) return { kind: "broken", why: `exit code ${code} without a count` };
  const [passed, failed] = [Number(counts[1]), Number(counts[2])];
  if (passed + failed === 0) return { kind: "broken", why: "it counted no test" };
  return { kind: "counted", passed, failed: code === 0 || failed > 0 ? failed : 1 };
}
