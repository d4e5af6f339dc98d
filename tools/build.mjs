// npm run build: third-party code from their protos, then everything to dist/. dist/main.js is the command line.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";

const run = (command, ...args) => execFileSync(command, args, { stdio: "inherit" });

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
if (!existsSync("third_party/gen")) {
  run("node", "tools/stage-protos.mjs");
  run("buf", "generate", "--template", "buf.gen.third-party.yaml");
}
rmSync("dist", { recursive: true, force: true });
run("tsc", "-b", "tsconfig.build.json");
chmodSync("dist/main.js", 0o755);
