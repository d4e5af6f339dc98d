import { IssuerKeys } from "../callers/oidc/issuer-keys.js";
import type { Config } from "../config/config.js";
import { pageRoutes } from "../console/files.js";
import { discover } from "../console/provider.js";
import type { ConsoleSettings } from "../console/settings.js";
import { createPepperStore } from "../database/pepper.js";
import { createSigningKeyStore } from "../database/signing-key.js";
import { verifySchema } from "../database/watch.js";
import { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { PepperStore } from "../domain/token-store.js";
import { openSigningKey, signingKeyLabel } from "../exchange/signing-key.js";
import { verifyPeppers } from "../manage/verify-peppers.js";
import { createOpenFga } from "../server/openfga.js";
import { catalogOutside, missingWords, routesOutsideModel, subjectsOutsideModel } from "../server/settings-in-model.js";
import { createMetrics } from "../telemetry/metrics.js";
import { readConfig } from "./config.js";
import { withDatabase } from "./database.js";
import { messageOf } from "./fail.js";
import { writeOut } from "./output.js";

/** The result of checking one part. */
interface Finding {
  readonly part: string;
  /** Undefined when the part is fine. */
  readonly problem: string | undefined;
  /** Something that works but should be changed. Default: nothing. */
  readonly warning?: string | undefined;
}

const fetchTimeoutMs = 5_000;

/**
 * Checks everything that `serve` needs and prints a line for each part; exit code 1 when something is wrong. Does not
 * start the service and does not write to the database. Does not look whether ports are free: the service that is to be
 * restarted may still use them.
 */
export async function checkServe({ config: file }: { readonly config?: string }): Promise<void> {
  const config = readConfig(file);
  await tellFinding({ part: "configuration", problem: undefined });
  const findings = [
    tryPart("database and schema", () => checkDatabase(config)),
    checkOpenFga(config),
    ...config.issuers.map(({ issuer, cacheMaxAgeMs: maxAgeMs }) =>
      tryPart(`keys of ${issuer}`, () => checkIssuer(issuer, maxAgeMs)),
    ),
    ...(config.console ? [config.console] : []).map(({ settings }) => tryPart("console", () => checkConsole(settings))),
  ];
  // All parts are checked at once, and printed in order.
  for (const finding of findings) {
    const found = await finding;
    await tellFinding(found);
    if (found.problem !== undefined) process.exitCode = 1;
  }
}

async function tryPart(part: string, check: () => Promise<string | undefined>): Promise<Finding> {
  try {
    return { part, problem: await check() };
  } catch (error) {
    return { part, problem: messageOf(error) };
  }
}

function checkDatabase({ database: settings, tokens, integrations }: Config): Promise<undefined> {
  return withDatabase(settings, async (database) => {
    await verifySchema(database);
    const store = createPepperStore(database);
    const readOnly: PepperStore = {
      checkValues: () => store.checkValues(),
      countLiveSecrets: (now) => store.countLiveSecrets(now),
      // The first start records a new pepper; a check must not.
      recordCheckValue: () => Promise.resolve(),
    };
    const peppers = new PepperRing(tokens.brand, tokens.peppers);
    await verifyPeppers(readOnly, peppers, new Date());
    if (integrations.oauth?.exchange) {
      const sealKeys = peppers.deriveKeys(signingKeyLabel);
      for (const key of await createSigningKeyStore(database).list()) openSigningKey(key, sealKeys);
    }
    return undefined;
  });
}

async function checkOpenFga(config: Config): Promise<Finding> {
  let warning: string | undefined;
  const found = await tryPart("OpenFGA's store and model", () =>
    checkModel(config, (model) => {
      warning = missingWords(config, model);
    }),
  );
  return { ...found, warning };
}

async function checkModel(config: Config, onModel: (model: AuthorizationModel) => void): Promise<string | undefined> {
  const openfga = createOpenFga({
    config: config.openfga,
    metrics: createMetrics(),
    clock: { now: () => new Date() },
    onChange: () => undefined,
  });
  try {
    await openfga.connection.start();
    const { state } = openfga.connection;
    if ("problem" in state) return state.problem;
    const model = openfga.connection.model();
    onModel(model);
    const outside = [
      ...subjectsOutsideModel(config, model),
      ...routesOutsideModel(config, model),
      ...catalogOutside(config, model),
    ];
    return outside.length === 0
      ? undefined
      : outside.map(({ key, problem }) => `${key}: ${problem}`).join("\n        ");
  } finally {
    openfga.close();
  }
}

/** Reads the page and the provider's discovery document. Whether the client's secret is right shows at a sign-in. */
async function checkConsole(settings: ConsoleSettings): Promise<undefined> {
  pageRoutes();
  await discover(settings, []);
}

async function checkIssuer(issuer: string, maxAgeMs: number): Promise<string | undefined> {
  let problem: string | undefined;
  const keys = new IssuerKeys(issuer, {
    maxAgeMs,
    fetchTimeoutMs,
    onFailure(error) {
      problem = messageOf(error);
    },
  });
  await keys.get().catch((error: unknown) => {
    problem ??= messageOf(error);
  });
  return problem;
}

async function tellFinding({ part, problem, warning }: Finding): Promise<void> {
  await writeOut(problem === undefined ? `ok      ${part}\n` : `FAILED  ${part}: ${problem}\n`);
  if (warning !== undefined) await writeOut(`warning ${warning}\n`);
}
