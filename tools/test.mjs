// make test: runs every check and every test, even after a failure. The last line is "N passed, N failed"; each check
// counts as one. Two lanes run in parallel, because the tests of the server wait more than they compute: these are one
// lane, everything else is the other. PATWARDEN_TEST_REQUIRE_ALL=1 counts a skipped test as failed, for machines where
// nothing may be skipped.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
const requireAll = process.env.PATWARDEN_TEST_REQUIRE_ALL === "1";
const folder = mkdtempSync(join(tmpdir(), "patwarden-results-"));
const resultFile = join(folder, "tests.json");
process.env.PATWARDEN_TEST_RESULT = resultFile;

const checks = [
  ["style and API", ["npm", "run", "--silent", "lint"]],
  ["types", ["tsc", "-p", "tsconfig.json", "--noEmit"]],
  ["types of the tests in a browser", ["tsc", "-p", "test/console", "--noEmit"]],
  ["gen/ and the clients' stubs match proto/", ["node", "tools/check-generated.mjs"]],
];

let passed = 0;
let failed = 0;
/** One line for each fault, repeated at the end: the output of a long run scrolls away. */
const faults = [];

await Promise.all([testServer(), checkAll().then(testClients)]);
rmSync(folder, { recursive: true });
if (faults.length > 0) console.log(`\n${faults.map((fault) => `FAILED ${fault}`).join("\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function fail(fault, count = 1) {
  failed += count;
  faults.push(fault);
}

async function testServer() {
  const reporters = ["--reporter=default", "--reporter=./tools/test-reporter.mjs"];
  const { green } = await run("tests of the server", ["vitest", "run", ...reporters], "live");
  const result = vitestResult();
  passed += result.passed;
  for (const failure of result.failures) fail(failure);
  if (result.skipped.length > 0)
    console.log(`\n${result.skipped.length} tests were SKIPPED: the lines above say what is missing.`);
  if (requireAll) for (const test of result.skipped) fail(`${test}: skipped`);
  if (!green && result.failures.length === 0)
    fail("tests of the server: vitest failed although no test did, see above");
}

/** Returns the result of tools/test-reporter.mjs, if vitest wrote one. */
function vitestResult() {
  try {
    return JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    return { passed: 0, skipped: [], failures: ["tests of the server: no result was written"] };
  }
}

async function checkAll() {
  for (const [name, command] of checks) {
    const { green } = await run(name, command);
    if (green) passed += 1;
    else fail(name);
  }
}

/**
 * Each language lists the tests that it skips without its toolchain; with PATWARDEN_TEST_REQUIRE_ALL=1,
 * test/clients/run.ts counts them as failed.
 */
async function testClients() {
  const { green, stdout } = await run("clients", ["node", "--import", "tsx", "test/clients/run.ts"]);
  const [, all, bad] = /(?:^|\n)(\d+) passed, (\d+) failed\n$/.exec(stdout) ?? [];
  passed += Number(all ?? 0);
  if (green && bad === "0") return;
  fail("clients: see their output above", Math.max(1, Number(bad ?? 0)));
}

/**
 * Runs a command and shows its output as it comes. Lines have its name in front, unless it is "live": vitest draws its
 * own.
 */
async function run(name, [command, ...args], live) {
  console.log(`\n--- ${name}: started`);
  const start = Date.now();
  const output = live ? "inherit" : "pipe";
  const child = spawn(command, args, { stdio: ["ignore", output, output] });
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface(stream).on("line", (line) => console.log(`[${name}] ${line}`));
  }
  const [status] = await once(child, "close");
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`--- ${name}: ${status === 0 ? "passed" : "FAILED"} in ${seconds} s`);
  return { green: status === 0, stdout };
}
