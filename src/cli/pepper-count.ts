import { loadMigrationConfig } from "../config/load.js";
import { openPostgres, patientStatementMs } from "../database/database.js";
import { verifySettings } from "../database/settings.js";
import { createTokenStore } from "../database/token.js";
import { failConfig } from "./fail.js";
import type { Output } from "./keys.js";
import { print } from "./output.js";

/** Prints how many living secrets each pepper version has. */
export async function countPeppers({ config: file, json }: Output & { readonly config?: string }): Promise<void> {
  const loaded = loadMigrationConfig({ file, env: process.env });
  if (!loaded.ok) return failConfig(loaded.problems);
  const database = openPostgres({ ...loaded.config.database, statementMs: patientStatementMs });
  try {
    await verifySettings(database);
    const counts = [...(await createTokenStore(database).countLiveSecrets(new Date()))].sort(([a], [b]) => a - b);
    const rows = counts.map(([version, secrets]) => ({ version, secrets }));
    const lines = rows.map(({ version, secrets }) => `${String(version).padStart(7)}  ${String(secrets).padStart(12)}`);
    await print(json, rows, ["version  live secrets", ...lines].join("\n"));
  } finally {
    await database.close();
  }
}
