// package.ts FOLDER: packs what would be published, checks it, and installs it in FOLDER as a user would, where it must
// compile and load.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { argv } from "node:process";

const [, , folder = ""] = argv;
const { name, version, exports } = JSON.parse(readFileSync("package.json", "utf8"));

function run(command: string, args: readonly string[], cwd = "."): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]));
const files: readonly string[] = packed.files.map(({ path }: { readonly path: string }) => path);
for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "dist/index.js", "dist/gen/google/rpc/status_pb.js"]) {
  require(files.includes(file), `${file} is not in the package`);
}
const strangers = files.filter(
  (file) => !/^(dist|src)\/|^(README\.md|CHANGELOG\.md|LICENSE|package\.json)$/.test(file),
);
require(strangers.length === 0, `in the package: ${strangers.join(" ")}`);
const tarball = join(folder, packed.filename);
run("npx", ["--no-install", "publint", tarball, "--strict"]);
run("npx", ["--no-install", "attw", tarball, "--profile", "esm-only"]);

const consumer = join(folder, "consumer");
mkdirSync(consumer);
const dependencies = { [name]: `file:${tarball}` };
writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module", private: true, dependencies }));
run(
  "npm",
  ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"],
  consumer,
);
// The packages that a user has too.
mkdirSync(join(consumer, "node_modules/@types"), { recursive: true });
for (const installed of ["express", "fastify", "hono", "typescript", "@types/express", "@types/node"]) {
  const place = join(consumer, "node_modules", installed);
  rmSync(place, { recursive: true, force: true });
  symlinkSync(resolve("node_modules", installed), place);
}

const specifiers = Object.keys(exports)
  .filter((entry) => entry !== "./package.json")
  .map((entry) => entry.replace(/^\./, name));
const importing = (imported: readonly string[]): string =>
  imported.map((specifier, index) => `import * as entry${index} from "${specifier}";\nvoid entry${index};\n`).join("");
cpSync("example", consumer, { recursive: true });
writeFileSync(join(consumer, "every-entry.ts"), importing(specifiers));
writeFileSync(join(consumer, "own-types.ts"), importing([name, `${name}/v1`, `${name}/guard`]));
const tsc = "node_modules/typescript/bin/tsc";
const compile = (...args: readonly string[]): string =>
  run("node", [tsc, "--strict", "--target", "es2023", "--module", "nodenext", "--types", "node", ...args], consumer);
// Our own declarations are compiled too; those of frameworks would take long, and are not ours.
compile("--noEmit", "--skipLibCheck", "false", "own-types.ts");
compile("--skipLibCheck", "check.ts", "api.ts", "every-entry.ts");
run("node", ["every-entry.js"], consumer);
writeFileSync(
  join(consumer, "common.cjs"),
  specifiers.map((specifier) => `require(${JSON.stringify(specifier)});\n`).join("") +
    `process.stdout.write(require(${JSON.stringify(name)}).version);\n`,
);
require(run("node", ["common.cjs"], consumer) === version, "CommonJS gets another version");
