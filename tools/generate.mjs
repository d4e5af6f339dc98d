// npm run generate: gen/ and third_party/ from the protos. CI runs it and fails on a difference in gen/.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
rmSync("gen", { recursive: true, force: true });
run("buf", "generate");
run("buf", "generate", "--template", "buf.gen.openfga.yaml");
run("node", "tools/stage-protos.mjs");
run("buf", "generate", "--template", "buf.gen.third-party.yaml");
