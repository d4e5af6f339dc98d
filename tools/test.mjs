// make test: every check, then every test, all of them even when one fails. The last line is "N passed, N failed": each check counts as one.
// PATWARDEN_TEST_REQUIRE_ALL=1 counts a skipped test as failed, so that nothing is skipped where everything must be there.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
const requireAll = process.env.PATWARDEN_TEST_REQUIRE_ALL === "1";
const folder = mkdtempSync(join(tmpdir(), "patwarden-results-"));
const resultFile = join(folder, "tests.json");

const checks = [
  ["style and API", "npm", ["run", "--silent", "lint"]],
  ["gen/ and clients' stubs are what proto/ gives", "node", ["tools/check-generated.mjs"]],
  ["types", "tsc", ["-p", "tsconfig.json", "--noEmit"]],
];

let passed = 0;
let failed = 0;
/** A line for each fault, repeated at the end: what a run of half an hour printed in its middle is soon out of sight. */
const faults = [];

function run(name, command, args) {
  console.log(`\n--- ${name}`);
  const start = Date.now();
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  console.log(`--- ${name}: ${status === 0 ? "passed" : "FAILED"} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return status === 0;
}

/** What tools/test-reporter.mjs wrote, if vitest got so far. */
function vitestResult() {
  try {
    return JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    return { passed: 0, skipped: [], failures: ["tests: no result was written"] };
  }
}

/** Each language says what it skips for lack of its toolchain; where nothing may be missing, test/clients/run.ts counts that as failed. */
async function testClients() {
  console.log("\n--- clients");
  const child = spawn("node", ["--import", "tsx", "test/clients/run.ts"], { stdio: ["inherit", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [status] = await once(child, "close");
  const [, all, bad] = /(?:^|\n)(\d+) passed, (\d+) failed\n$/.exec(output) ?? [];
  if (all === undefined || status !== 0 || bad !== "0") faults.push("clients: see their part above");
  if (all === undefined) return { passed: 0, failed: 1 };
  return { passed: Number(all), failed: Number(bad) + (status !== 0 && Number(bad) === 0 ? 1 : 0) };
}

for (const [name, command, args] of checks) {
  if (run(name, command, args)) passed += 1;
  else {
    failed += 1;
    faults.push(name);
  }
}

process.env.PATWARDEN_TEST_RESULT = resultFile;
const green = run("tests", "vitest", ["run", "--reporter=default", "--reporter=./tools/test-reporter.mjs"]);
const { skipped, failures, ...result } = vitestResult();
rmSync(folder, { recursive: true });
if (skipped.length > 0) console.log(`\n${skipped.length} tests were SKIPPED: see above what they lack.`);
if (requireAll) failures.push(...skipped.map((test) => `${test}: skipped`));
if (!green && failures.length === 0) failures.push("tests: vitest failed without a failure, see above");
passed += result.passed;
failed += failures.length;
faults.push(...failures);

const clients = await testClients();
passed += clients.passed;
failed += clients.failed;

if (faults.length > 0) console.log(`\n${faults.map((fault) => `FAILED ${fault}`).join("\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
