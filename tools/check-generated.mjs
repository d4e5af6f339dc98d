// Fails when gen/ is not what the protos give today. Generates beside the checkout, so it neither needs git nor touches the tree.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
const folder = mkdtempSync(join(tmpdir(), "patwarden-gen-"));
try {
  execFileSync("buf", ["generate", "-o", folder], { stdio: "inherit" });
  execFileSync("buf", ["generate", "--template", "buf.gen.openfga.yaml", "-o", folder], { stdio: "inherit" });
  const { status } = spawnSync("diff", ["-ru", "gen", join(folder, "gen")], { stdio: "inherit" });
  if (status !== 0) {
    console.error("gen/ is not current: run `make generate` and commit the result");
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
