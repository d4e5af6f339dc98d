// Follows the README of a client to the letter, as a new user would: first-steps.ts LANGUAGE. It takes the lines, files
// and outputs that stand under "First check", and runs them in a new folder beside a copy of the checkout's tracked
// files. After them it runs every other shell line that names the checkout. The server is the one of
// PATWARDEN_CLIENT_TESTS.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, env } from "node:process";
import { fileURLToPath } from "node:url";
import type { Description } from "./environment.js";
import { scriptOf } from "./readme.js";

const checkout = fileURLToPath(new URL("../../", import.meta.url));
const [, , language = ""] = argv;
const { endpoint, keys, tokens }: Description = JSON.parse(readFileSync(env["PATWARDEN_CLIENT_TESTS"] ?? "", "utf8"));
const readme = readFileSync(join(checkout, "clients", language, "README.md"), "utf8");
const script = scriptOf(readme.replaceAll("127.0.0.1:9081", endpoint));

const folder = mkdtempSync(join(tmpdir(), "patwarden-first-steps-"));
try {
  const needed = [join("clients", language), "proto", "third_party"];
  const tracked = execFileSync("git", ["ls-files", "-z", "--", ...needed], { cwd: checkout, encoding: "utf8" });
  for (const file of tracked.split("\0").filter(Boolean)) {
    cpSync(join(checkout, file), join(folder, "patwarden", file));
  }
  execFileSync("bash", ["-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: { ...env, KEY: keys.checker, TOKEN: tokens["alice"]?.secret },
    stdio: ["ignore", 2, 2],
    timeout: 600_000,
  });
} finally {
  rmSync(folder, { recursive: true });
}
