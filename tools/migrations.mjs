// npm run migrations -- --name WHAT_IT_DOES: drizzle-kit makes a migration from the tables in src/database/.
// drizzle-kit compares with the newest snapshot alone, and one is 1,600 lines: only the newest stays.
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
