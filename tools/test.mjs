// make test: every check, then every test, all of them even when one fails. The last line is "N passed, N failed": each check counts as one.
// PATWARDEN_TEST_REQUIRE_ALL=1 counts a skipped test as failed, so that nothing is skipped where everything must be there.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
const requireAll = process.env.PATWARDEN_TEST_REQUIRE_ALL === "1";
const folder = mkdtempSync(join(tmpdir(), "patwarden-results-"));
const resultFile = join(folder, "vitest.json");

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

/** What vitest counted; undefined when it could not even write that. */
function vitestResult() {
  try {
    return JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    return undefined;
  }
}

/** Where, which, and the first line of why. */
function faultsOf({ testResults }) {
  return testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const where = relative(process.cwd(), file);
    const bad = assertionResults.filter((test) => test.status === "failed" || (requireAll && test.status !== "passed"));
    if (bad.length === 0 && status === "failed") return [`${where}: ${firstLine(message)}`];
    return bad.map(({ fullName, status: how, failureMessages }) => {
      return `${where}: ${fullName}: ${how === "failed" ? firstLine(failureMessages[0]) : "skipped"}`;
    });
  });
}

function firstLine(text = "") {
  return text.split("\n", 1)[0].slice(0, 300);
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

const green = run("tests", "vitest", [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${resultFile}`,
]);
const result = vitestResult();
rmSync(folder, { recursive: true });
passed += result?.numPassedTests ?? 0;
let failedTests = result?.numFailedTests ?? 0;
const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
if (skipped > 0) console.log(`\n${skipped} tests were SKIPPED: see above what they lack.`);
if (requireAll) failedTests += skipped;
// A file that does not load, or an error outside of any test, fails the run without failing a test.
if (!green && failedTests === 0) failedTests = 1;
faults.push(...(result ? faultsOf(result) : ["tests: no result was written"]));
if (failedTests > 0 && faults.length === 0) faults.push("tests: an error outside of any test, see above");
failed += failedTests;

const clients = await testClients();
passed += clients.passed;
failed += clients.failed;

if (faults.length > 0) console.log(`\n${faults.map((fault) => `FAILED ${fault}`).join("\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
