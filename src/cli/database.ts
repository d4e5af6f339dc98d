import type { DatabaseConfig } from "../config/database.js";
import { type Database, openPostgres } from "../database/database.js";
import { verifySettings } from "../database/settings.js";

/** Opens the database for one use, and closes it after. */
export async function withDatabase<T>(
  settings: DatabaseConfig & { readonly statementMs?: number },
  use: (database: Database) => Promise<T>,
): Promise<T> {
  const database = openPostgres(settings);
  try {
    await verifySettings(database);
    return await use(database);
  } finally {
    await database.close();
  }
}
