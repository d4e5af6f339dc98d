// Fails when gen/ or the stubs of a client differ from the output for the protos. Generates outside of the checkout, so
// it needs no git and changes no file. A client whose toolchain is missing is skipped with a message; with
// PATWARDEN_TEST_REQUIRE_ALL=1 it counts as a failure.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { differences, missing, targets, withRendered } from "./targets.mjs";

const requireAll = process.env.PATWARDEN_TEST_REQUIRE_ALL === "1";
const checkable = [];
for (const target of targets) {
  const lacks = missing(target);
  if (lacks === undefined) checkable.push(target);
  else {
    console.error(`SKIPPED: cannot check whether ${target.folder} is up to date: ${lacks}`);
    if (requireAll) process.exitCode = 1;
  }
}

try {
  withRendered(checkable, (rendered) => {
    for (const target of checkable) {
      for (const path of differences(target, rendered)) {
        spawnSync("diff", ["-uN", path, join(rendered, path)], { stdio: "inherit" });
        console.error(`${path} does not match the protos: run \`make generate\` and commit the result`);
        process.exitCode = 1;
      }
    }
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
