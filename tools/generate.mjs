// npm run generate: gen/ and the clients' stubs from the protos, which are committed, and the code of third-party protos, which is not.
// --server-only: without the clients, for which nothing but npm's packages is needed. --google-rpc: only what the TypeScript client's own
// build needs, clients/typescript/src/gen/google/.
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { differences, missing, run, targets, withRendered } from "./targets.mjs";

try {
  const { values: options } = parseArgs({
    options: { "server-only": { type: "boolean" }, "google-rpc": { type: "boolean" } },
  });
  if (options["google-rpc"]) generateGoogleRpc();
  else if (options["server-only"]) {
    generate(targets.filter(({ name }) => name === "server"));
    generateThirdParty();
  } else {
    generate(targets);
    generateThirdParty();
    generateGoogleRpc();
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function generate(targets) {
  const lacks = targets.flatMap((target) => missing(target) ?? []);
  if (lacks.length > 0)
    throw new Error([...lacks, "or generate the server's code alone: npm run generate -- --server-only"].join("\n"));
  withRendered(targets, (rendered) => {
    for (const target of targets) {
      const changed = differences(target, rendered);
      for (const path of changed) replace(path, join(rendered, path));
      console.error(`${target.folder}: ${changed.length} changed`);
    }
  });
}

function replace(path, source) {
  if (!existsSync(source)) return rmSync(path);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(source, path);
}

function generateThirdParty() {
  run("node", "tools/stage-protos.mjs");
  run("buf", "generate", "--template", "buf.gen.third-party.yaml");
}

function generateGoogleRpc() {
  rmSync("clients/typescript/src/gen/google", { recursive: true, force: true });
  run("buf", "generate", "--template", "tools/typescript/buf.gen.google-rpc.yaml");
}
