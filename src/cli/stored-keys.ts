import { databaseTime, patientStatementMs } from "../database/database.js";
import { createPepperStore } from "../database/pepper.js";
import { createSigningKeyStore } from "../database/signing-key.js";
import { PepperRing } from "../domain/pepper.js";
import { keySetMaxAgeMs, reloadMs } from "../exchange/key-schedule.js";
import { rotateSigningKeys } from "../exchange/rotation.js";
import { signingKeyLabel } from "../exchange/signing-key.js";
import { verifyPeppers } from "../manage/verify-peppers.js";
import { readConfig, readMigrationConfig } from "./config.js";
import { withDatabase } from "./database.js";
import { fail } from "./fail.js";
import type { Printing } from "./options.js";
import { print, table, timeText } from "./output.js";

/** Prints how many secrets of each pepper version may still be used. */
export async function countPeppers({ config: file, json }: Printing & { readonly config?: string }): Promise<void> {
  await withDatabase({ ...readMigrationConfig(file).database, statementMs: patientStatementMs }, async (database) => {
    const counts = [...(await createPepperStore(database).countLiveSecrets(new Date()))].sort(([a], [b]) => a - b);
    const rows = counts.map(([version, secrets]) => ({ version, secrets }));
    const cells = rows.map(({ version, secrets }) => [String(version), String(secrets)]);
    await print(json, rows, table(["VERSION", "SECRETS"], cells));
  });
}

export interface RotateSigningOptions extends Printing {
  readonly config?: string;
  readonly compromised: boolean;
}

/** Publishes the next key for signing JWTs, and prints the times at which keys change. */
export async function rotateSigning({ config: file, compromised, json }: RotateSigningOptions): Promise<void> {
  const { database: settings, integrations, tokens } = readConfig(file);
  const exchange = integrations.oauth?.exchange;
  if (!exchange)
    return fail(new Error("integrations.oauth.exchange is off, so no JWTs are signed; set its audiences to use it"));
  await withDatabase({ ...settings, statementMs: patientStatementMs }, async (database) => {
    const now = await databaseTime(database);
    const peppers = new PepperRing(tokens.brand, tokens.peppers);
    // A key that is sealed with a pepper that the replicas do not have would stop them.
    await verifyPeppers(createPepperStore(database), peppers, now);
    const { kid, algorithm, signsFrom, previous } = await rotateSigningKeys({
      store: createSigningKeyStore(database),
      sealKeys: peppers.deriveKeys(signingKeyLabel),
      algorithm: exchange.algorithm,
      now,
      compromised,
    });
    const lines = [
      `next key:    ${kid} (${algorithm}), signs from ${timeText(signsFrom)}`,
      ...previous.map((old) => `earlier key: ${old.kid}, published until ${timeText(old.publishedUntil)}`),
      ...(compromised
        ? [
            "All earlier keys are withdrawn. Their JWTs are still accepted for at most this long:",
            `by replicas ${reloadMs / 1000} seconds, by verifiers ${keySetMaxAgeMs / 60_000} minutes after they fetched the keys.`,
          ]
        : []),
    ];
    const keys = previous.map((old) => ({ kid: old.kid, published_until: old.publishedUntil }));
    const result = { kid, algorithm, signs_from: signsFrom, previous: keys };
    await print(
      json,
      result,
      lines.join("\n"),
      `the keys were rotated: do not repeat the command. The next key is ${kid}`,
    );
  });
}
