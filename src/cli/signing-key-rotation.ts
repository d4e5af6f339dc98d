import { loadConfig } from "../config/load.js";
import { databaseTime, openPostgres, patientStatementMs } from "../database/database.js";
import { verifySettings } from "../database/settings.js";
import { createSigningKeyStore } from "../database/signing-key.js";
import { createTokenStore } from "../database/token.js";
import { PepperRing } from "../domain/pepper.js";
import { keySetMaxAgeMs, reloadMs } from "../exchange/key-schedule.js";
import { rotateSigningKeys } from "../exchange/rotation.js";
import { signingKeyLabel } from "../exchange/signing-key.js";
import { verifyPeppers } from "../manage/verify-peppers.js";
import { fail, failConfig } from "./fail.js";
import type { Output } from "./keys.js";
import { print } from "./output.js";

export interface RotateSigningOptions extends Output {
  readonly config?: string;
  readonly compromised: boolean;
}

/** Publishes the next key that JWTs are signed with, and prints what happens when. */
export async function rotateSigning({ config: file, compromised, json }: RotateSigningOptions): Promise<void> {
  const loaded = loadConfig({ file, env: process.env });
  if (!loaded.ok) return failConfig(loaded.problems);
  const { database: settings, integrations, tokens } = loaded.config;
  const exchange = integrations.oauth?.exchange;
  if (!exchange) return fail(new Error("integrations.oauth.exchange is closed: there is nothing to sign"));
  const database = openPostgres({ ...settings, statementMs: patientStatementMs });
  try {
    await verifySettings(database);
    const now = await databaseTime(database);
    const peppers = new PepperRing(tokens.brand, tokens.peppers);
    // A key that was sealed under another pepper than the replicas' would stop them.
    await verifyPeppers(createTokenStore(database), peppers, now);
    const { kid, algorithm, signsFrom, previous } = await rotateSigningKeys({
      store: createSigningKeyStore(database),
      sealKeys: peppers.deriveKeys(signingKeyLabel),
      algorithm: exchange.algorithm,
      now,
      compromised,
    });
    const lines = [
      `next key:    ${kid} (${algorithm}), signs from ${signsFrom.toISOString()}`,
      ...previous.map((old) => `earlier key: ${old.kid}, published until ${old.publishedUntil.toISOString()}`),
      ...(compromised
        ? [
            `All earlier keys are withdrawn. Replicas go by it within ${reloadMs / 1000} seconds, and verifiers ${keySetMaxAgeMs / 60_000} minutes after they last fetched the keys; then no JWT of an earlier key is taken.`,
          ]
        : []),
    ];
    const keys = previous.map((old) => ({ kid: old.kid, published_until: old.publishedUntil }));
    const result = { kid, algorithm, signs_from: signsFrom, previous: keys };
    await print(json, result, lines.join("\n"), `the keys were rotated: do not repeat it. The next key is ${kid}`);
  } finally {
    await database.close();
  }
}
