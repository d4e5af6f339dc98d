// The targets that are generated from protos and committed: the server's code, the messages of the suites of
// test/transport, and the stubs of the clients, except those of Java, which Maven generates. Everything is first
// rendered into a folder outside of the checkout, so that a failure changes nothing.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

/**
 * `folder` and `file` match generated files by their folder and base name; other files there are written by hand.
 * `generators` is what a target needs in addition to the npm packages: `toolchain` makes the folder `made` by the steps
 * `setUp`, and makes it again when one of the files `from` changes.
 */
export const targets = [
  { name: "server", template: "buf.gen.yaml", folder: "gen", file: /_pb\.ts$/ },
  { name: "suites", template: "test/transport/buf.gen.yaml", folder: "test/transport/gen", file: /_pb\.ts$/ },
  {
    name: "typescript",
    template: "tools/typescript/buf.gen.yaml",
    folder: "clients/typescript/src/gen",
    file: /_pb\.ts$/,
  },
  {
    name: "go",
    template: "tools/go/buf.gen.yaml",
    folder: "clients/go/patwarden",
    file: /\.pb\.go$/,
    generators: {
      toolchain: { name: "Go", version: ["go", "version"], atLeast: "1.25", source: "https://go.dev/dl/" },
      made: "tools/go/bin",
      from: ["tools/go/go.mod", "tools/go/go.sum"],
      setUp: [["go", "-C", "tools/go", "build", "-o", "bin/", "tool"]],
    },
  },
  {
    name: "python",
    template: "tools/python/buf.gen.yaml",
    folder: "clients/python/src/patwarden/v1",
    file: /_pb2(?:_grpc)?\.pyi?$/,
    generators: {
      toolchain: {
        name: "Python",
        // Debian's Python comes without the modules for virtual environments.
        version: ["python3", "-c", "import ensurepip, platform; print(platform.python_version())"],
        atLeast: "3.10",
        source: "https://www.python.org/downloads/ (Debian: python3 and python3-venv)",
      },
      made: "tools/python/.venv",
      from: ["tools/python/requirements.txt"],
      setUp: [
        ["python3", "-m", "venv", "--clear", "tools/python/.venv"],
        ["tools/python/.venv/bin/python", "-m", "pip", "install", "-q", "-r", "tools/python/requirements.txt"],
      ],
    },
  },
  {
    name: "rust",
    template: "tools/rust/buf.gen.yaml",
    folder: "clients/rust/src/pb",
    file: /^patwarden\..+\.rs$/,
    generators: {
      toolchain: { name: "Rust", version: ["cargo", "--version"], atLeast: "1.88", source: "https://rustup.rs/" },
      made: "tools/rust/target",
      from: ["tools/rust/Cargo.toml", "tools/rust/Cargo.lock", "tools/rust/src/main.rs"],
      setUp: [
        ["cargo", "build", "-q", "--locked", "--manifest-path=tools/rust/Cargo.toml", "--target-dir=tools/rust/target"],
      ],
    },
  },
];

/** Returns what has to be installed before the target can be generated, or undefined when nothing is missing. */
export function missing({ generators }) {
  if (!generators) return undefined;
  const { name, atLeast, source } = generators.toolchain;
  const found = toolchainVersion(generators.toolchain);
  if (found !== undefined && compareVersions(found, atLeast) >= 0) return undefined;
  return `${name} >= ${atLeast} is needed, found ${found ?? "none"}: get it from ${source}`;
}

/** Sets up the generators, renders the targets into a folder, calls `use` with that folder, and removes it. */
export function withRendered(targets, use) {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-gen-"));
  try {
    for (const target of targets) {
      if (target.generators) setUp(target);
      run("buf", "generate", "--template", target.template, "-o", folder);
      const strange = filesOf(join(folder, target.folder)).find((path) => !target.file.test(basename(path)));
      if (strange)
        throw new Error(`${target.folder}/${strange} is generated, but tools/targets.mjs lists it as written by hand`);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns the target's files that differ between the checkout and the folder, or exist in only one of them. */
export function differences({ folder, file }, rendered) {
  const paths = new Set([
    ...filesOf(folder).filter((path) => file.test(basename(path))),
    ...filesOf(join(rendered, folder)),
  ]);
  return [...paths]
    .map((path) => join(folder, path))
    .filter((path) => contentOf(path) !== contentOf(join(rendered, path)))
    .sort();
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2], env: environment });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
}

const environment = { ...process.env, PATH: `${resolve("node_modules/.bin")}:${process.env.PATH}`, GOWORK: "off" };

function setUp({ name, generators: { toolchain, made, from, setUp } }) {
  const wanted = createHash("sha256");
  // A virtual environment contains its own path and that of its Python.
  for (const part of [
    process.cwd(),
    process.platform,
    process.arch,
    toolchainVersion(toolchain),
    ...setUp.flat(),
    ...from.map(contentOf),
  ])
    wanted.update(`${part}\0`);
  const stamp = wanted.digest("hex");
  const stampFile = join(made, ".made-from");
  if (contentOf(stampFile) === stamp) return;
  console.error(`setting up the generators of ${name} in ${made}, once`);
  for (const step of setUp) run(...step);
  writeFileSync(stampFile, stamp);
}

function toolchainVersion({ version: [command, ...args] }) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? /\d+(?:\.\d+)+/.exec(stdout)?.[0] : undefined;
}

function compareVersions(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Returns paths relative to the folder, or none when the folder does not exist. */
function filesOf(folder) {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function contentOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
