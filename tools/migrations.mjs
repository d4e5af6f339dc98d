// npm run migrations -- --name WHAT_IT_DOES: lets drizzle-kit write a migration from the tables in src/database/.
// drizzle-kit compares only with the newest snapshot, and each has 1,600 lines: so only the newest is kept.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const { status } = spawnSync("drizzle-kit", ["generate", ...process.argv.slice(2)], { stdio: "inherit" });
if (status === 0) {
  const folder = "migrations/meta";
  const older = readdirSync(folder)
    .filter((file) => file.endsWith("_snapshot.json"))
    .sort()
    .slice(0, -1);
  for (const file of older) rmSync(join(folder, file));
}
process.exitCode = status ?? 1;
