import type { DatabaseConfig } from "../config/database.js";
import { type Database, openPostgres } from "../database/database.js";
import { verifySettings } from "../database/settings.js";

/** Opens the database, calls `use` and closes the database. */
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
