import { createHash, randomBytes } from "node:crypto";
import { loadMigrationConfig } from "../config/load.js";
import { openPostgres } from "../store/database.js";
import { createTokenStore } from "../store/postgres-token-store.js";
import { encodeSecret } from "../token/secret.js";
import { failConfig, print } from "./fail.js";

interface Output {
  readonly json: boolean;
}

/** Prints 32 random bytes in base64. */
export function makePepper({ json }: Output): void {
  const key = randomBytes(32).toString("base64");
  print(json, { key }, key);
}

/** Prints a key, which its caller keeps, and the hash, which the configuration keeps. */
export function makeServiceKey({ brand, json }: Output & { readonly brand: string }): void {
  const key = encodeSecret(brand, "svc", randomBytes(32));
  const keySha256 = createHash("sha256").update(key).digest("hex");
  print(json, { key, key_sha256: keySha256 }, `key:        ${key}\nkey_sha256: ${keySha256}`);
}

/** Prints how many living secrets each pepper version has. */
export async function countPeppers({ config: file, json }: Output & { readonly config?: string }): Promise<void> {
  const loaded = loadMigrationConfig({ file, env: process.env });
  if (!loaded.ok) return failConfig(loaded.problems);
  const database = openPostgres({ ...loaded.config.database, silenceMs: 0 });
  try {
    const counts = [...(await createTokenStore(database).countLiveSecrets(new Date()))].sort(([a], [b]) => a - b);
    const rows = counts.map(([version, secrets]) => ({ version, secrets }));
    const lines = rows.map(({ version, secrets }) => `${String(version).padStart(7)}  ${String(secrets).padStart(12)}`);
    print(json, rows, ["version  live secrets", ...lines].join("\n"));
  } finally {
    await database.close();
  }
}
