// Repeats the test suites of the promises that must always hold, each time with new seeds, for MINUTES. Prints the
// failures with their seeds; exits with 1 when there was one.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";

const suites = [
  "test/system/revocation.test.ts",
  "test/system/interrupted-changes.test.ts",
  "test/store/outage.test.ts",
  "test/token-state-machine.test.ts",
];

const minutes = Number(process.env.MINUTES ?? 60);
if (!(minutes > 0)) throw new Error("MINUTES must be a number above 0");
const end = performance.now() + minutes * 60_000;
let rounds = 0;
let failures = 0;
while (performance.now() < end) {
  for (const suite of suites) {
    const seed = String(randomInt(2 ** 31));
    const { status, stdout, stderr } = spawnSync("npx", ["--no-install", "vitest", "run", suite], {
      env: { ...process.env, PATWARDEN_TEST_SEED: seed },
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    if (status === 0) continue;
    failures++;
    console.log(`FAILED ${suite}, PATWARDEN_TEST_SEED=${seed}\n${stdout}${stderr}`);
  }
  rounds++;
  console.log(`${rounds} rounds of ${suites.length} suites, ${failures} failures`);
}
if (failures > 0) process.exitCode = 1;
