// npm run build: builds everything into dist/. dist/main.js is the command line.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { migrate } from "drizzle-orm/pglite/migrator";
import { buildConsole } from "./console.mjs";
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
copyFileSync(await migratedDatabase(), "dist/migrated-database.tar.gz");
await buildConsole();

/**
 * Packs a new embedded database that is migrated already: PGlite unpacks one several times faster than it creates and
 * migrates one. Kept between builds, until PGlite or the migrations change.
 */
async function migratedDatabase() {
  const { version } = JSON.parse(readFileSync("node_modules/@electric-sql/pglite/package.json", "utf8"));
  const file = `.tools/pglite-${version}-${hashOf("migrations")}.tar.gz`;
  if (existsSync(file)) return file;
  console.error("packing a new embedded database");
  const database = await PGlite.create();
  await migrate(drizzle(database), { migrationsFolder: "migrations" });
  const packed = await database.dumpDataDir("gzip");
  await database.close();
  mkdirSync(".tools", { recursive: true });
  // Renamed when it is complete: another build may look for it at the same time.
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, Buffer.from(await packed.arrayBuffer()));
  renameSync(unfinished, file);
  return file;
}

function hashOf(folder) {
  const hash = createHash("sha256");
  const migrations = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  for (const name of [...migrations.sort(), "meta/_journal.json"]) hash.update(readFileSync(join(folder, name)));
  return hash.digest("hex").slice(0, 12);
}
