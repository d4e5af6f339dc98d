// npm run build: builds everything into dist/. dist/main.js is the command line.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { writeDriver } from "./driver/build.mjs";

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

process.env.PATH = `node_modules/.bin:${process.env.PATH}`;
rmSync("dist", { recursive: true, force: true });
writeDriver("dist/driver");
run("tsc", "-b", "tsconfig.build.json");
chmodSync("dist/main.js", 0o755);
copyFileSync(await emptyDatabase(), "dist/empty-database.tar.gz");

/** Packs a new embedded database: PGlite unpacks one several times faster than it creates one. Kept between builds. */
async function emptyDatabase() {
  const { version } = JSON.parse(readFileSync("node_modules/@electric-sql/pglite/package.json", "utf8"));
  const file = `.tools/pglite-${version}-empty.tar.gz`;
  if (existsSync(file)) return file;
  console.error("packing an empty embedded database");
  const database = await PGlite.create();
  const packed = await database.dumpDataDir("gzip");
  await database.close();
  mkdirSync(".tools", { recursive: true });
  // Renamed when it is complete: another build may look for it at the same time.
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, Buffer.from(await packed.arrayBuffer()));
  renameSync(unfinished, file);
  return file;
}
