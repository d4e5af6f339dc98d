// The tests of the clients, against one running server: run.ts [--keep] [LANGUAGE…]. Without a language, all of them.
// Ends with "N passed, N failed".
// --keep only starts what they are tested against, prints the name of the file that describes it, and keeps it until
// SIGTERM or SIGINT.
// A language whose toolchain is missing is skipped, which counts as failed with PATWARDEN_TEST_REQUIRE_ALL=1.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { leaveSignals } from "../kit/children.js";
import { setup as startPostgres, teardown as stopPostgres } from "../kit/global-setup.js";
import { havePostgres, noPostgres } from "../kit/postgres.js";
import { type Environment, startEnvironment } from "./environment.js";
import { type Outcome, testLanguage } from "./language.js";

const languages = ["typescript", "go", "python", "java", "rust"] as const;
const clients = fileURLToPath(new URL("../../clients/", import.meta.url));
const requireAll = process.env["PATWARDEN_TEST_REQUIRE_ALL"] === "1";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: "boolean", default: false } },
});
const chosen = positionals.length > 0 ? positionals : languages;
const strangers = chosen.filter((language) => !languages.some((known) => known === language));
if (strangers.length > 0) {
  say(`no client for ${strangers.join(", ")}; there are: ${languages.join(", ")}`);
  process.exit(2);
}
if (!havePostgres()) {
  say(noPostgres);
  process.exit(1);
}

leaveSignals();
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());
// Without `ps` this is not watched.
stopWithLauncher().catch(() => undefined);

const folder = mkdtempSync(join(tmpdir(), "patwarden-clients-"));
try {
  await startPostgres();
  const environment = await startEnvironment();
  try {
    const file = join(folder, "environment.json");
    // The file contains keys.
    writeFileSync(file, JSON.stringify(environment.description, null, 2), { mode: 0o600 });
    if (options.keep) await keep(file);
    else process.exitCode = summarize(await testAll(environment, file)) ? 0 : 1;
  } finally {
    await environment.stop();
  }
} finally {
  await stopPostgres();
  rmSync(folder, { recursive: true });
}

async function keep(file: string): Promise<void> {
  process.stdout.write(`${file}\n`);
  if (!stopping.signal.aborted) await once(stopping.signal, "abort");
}

async function testAll(environment: Environment, file: string): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for (const language of chosen) {
    if (stopping.signal.aborted) outcomes.set(language, { kind: "broken", why: "stopped before it began" });
    else {
      say(`\n--- ${language}`);
      const start = performance.now();
      outcomes.set(language, await testLanguage(join(clients, language), file, stopping.signal));
      say(`--- ${language}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
      await environment.heal();
    }
  }
  return outcomes;
}

/** Prints the results, and returns whether all tests passed. */
function summarize(outcomes: ReadonlyMap<string, Outcome>): boolean {
  let passed = 0;
  let failed = 0;
  say("");
  for (const [language, outcome] of outcomes) {
    switch (outcome.kind) {
      case "counted":
        passed += outcome.passed;
        failed += outcome.failed;
        say(`${language}: ${outcome.passed} passed, ${outcome.failed} failed`);
        break;
      case "skipped":
        if (requireAll) failed += 1;
        say(`${language}: ${outcome.why}${requireAll ? " (counts as failed: nothing may be missing here)" : ""}`);
        break;
      case "broken":
        failed += 1;
        say(`${language}: BROKEN: ${outcome.why}`);
    }
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0;
}

/**
 * Stops when npx has ended. npx passes no signal on to tsx, which started this process, but the shell between the two
 * ends.
 */
async function stopWithLauncher(): Promise<void> {
  if (process.env["npm_command"] !== "exec") return;
  const parentOf = async (pid: number): Promise<string> =>
    (await promisify(execFile)("ps", ["-o", "ppid=", "-p", String(pid)])).stdout;
  const shell = await parentOf(process.ppid);
  while ((await parentOf(process.ppid)) === shell) await sleep(1_000, undefined, { ref: false });
  stopping.abort();
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
