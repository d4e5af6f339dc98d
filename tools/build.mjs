// npm run build: third-party code from their protos, then everything to dist/. dist/main.js is the command line.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("node", "tools/patch-postgres.mjs");
process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
if (!existsSync("third_party/gen")) {
  run("node", "tools/stage-protos.mjs");
  run("buf", "generate", "--template", "buf.gen.third-party.yaml");
}
rmSync("dist", { recursive: true, force: true });
run("tsc", "-b", "tsconfig.build.json");
chmodSync("dist/main.js", 0o755);
