// npm run generate: generates gen/ and the clients' stubs from the protos. --server-only: only gen/, needs only npm.
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { differences, missing, targets, withRendered } from "./targets.mjs";

try {
  const { values: options } = parseArgs({ options: { "server-only": { type: "boolean" } } });
  generate(options["server-only"] ? targets.filter(({ name }) => name === "server") : targets);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function generate(targets) {
  const lacks = targets.flatMap((target) => missing(target) ?? []);
  if (lacks.length > 0)
    throw new Error([...lacks, "or generate only the server's code: npm run generate -- --server-only"].join("\n"));
  withRendered(targets, (rendered) => {
    for (const target of targets) {
      const changed = differences(target, rendered);
      for (const path of changed) replace(path, join(rendered, path));
      console.error(`${target.folder}: ${changed.length} files changed`);
    }
  });
}

function replace(path, source) {
  if (!existsSync(source)) return rmSync(path);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(source, path);
}
