import type { AuditStore } from "../audit/audit-store.js";
import type { Config } from "../config/config.js";
import { createAuditStore } from "../database/audit.js";
import type { Database } from "../database/database.js";
import { createPepperStore } from "../database/pepper.js";
import { createPolicyStore } from "../database/policy.js";
import { createRevocationStore } from "../database/revocation.js";
import { verifySettings } from "../database/settings.js";
import { createTokenStore } from "../database/token.js";
import { DatabaseWatch, verifySchema } from "../database/watch.js";
import type { Catalog } from "../domain/catalog.js";
import { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { PolicyStore } from "../domain/policy-store.js";
import type { TokenStore } from "../domain/token-store.js";
import { verifyPeppers } from "../manage/verify-peppers.js";
import type { createRevocation } from "../revocation/revocation.js";
import type { RevocationStore } from "../revocation/revocation-store.js";
import { LineBudget } from "../telemetry/line-budget.js";
import type { Logger } from "../telemetry/log.js";
import { createMetrics, type Metrics } from "../telemetry/metrics.js";
import { type Callers, createCallers } from "./callers.js";
import { ComparedClock } from "./compared-clock.js";
import { createDecisionParts, type DecisionParts } from "./decision-parts.js";
import { ServerHealth } from "./health.js";
import { createOpenFga, type OpenFga } from "./openfga.js";

/** The values that the server is started with. */
export interface Given {
  readonly config: Config;
  /** Stays open when the server stops: it belongs to the caller. */
  readonly database: Database;
  readonly log: Logger;
  /** Called with each risk that the operator has chosen, and its facts. Default: not told, as in `patwarden dev`. */
  readonly onRisk?: (risk: string, facts?: Readonly<Record<string, string>>) => void;
  /** How revocations reach every replica. Default: as documented. A test passes a broken one. */
  readonly createRevocation?: typeof createRevocation;
}

/** The parts that all others need. */
export interface Foundation extends Given {
  readonly metrics: Metrics;
  readonly clock: ComparedClock;
  readonly peppers: PepperRing;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
  readonly events: AuditStore;
  readonly revocations: RevocationStore;
  readonly health: ServerHealth;
  readonly watch: DatabaseWatch;
  readonly openfga: OpenFga;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** `catalog` of the configuration, which a reload replaces. Undefined: there are no words. */
  readonly catalog: { current: Catalog | undefined };
  /** Bounds the lines of the log that callers can cause. */
  readonly lines: LineBudget;
  /** Called with the error of a route. */
  readonly onDefect: (error: unknown) => void;
}

/** Every part of the server, built and not started. */
export interface Parts extends Foundation, DecisionParts, Callers {}

/**
 * Builds every part. Rejects when the database does not answer or is not migrated, or when a pepper does not match the
 * stored tokens. Opens no port and registers nothing: `startParts` does that.
 */
export async function createParts(given: Given): Promise<Parts> {
  const { database, onRisk } = given;
  for (const warning of await verifySettings(database)) onRisk?.(warning);
  await verifySchema(database);
  const foundation = createFoundation(given);
  await verifyPeppers(createPepperStore(database), foundation.peppers, foundation.clock.now());
  const decision = createDecisionParts(foundation);
  return { ...foundation, ...decision, ...createCallers({ ...foundation, ...decision }) };
}

function createFoundation(given: Given): Foundation {
  const { config, database, log } = given;
  const metrics = createMetrics();
  const clock = new ComparedClock();
  const health = new ServerHealth(log);
  const watch = new DatabaseWatch({
    database,
    wallMs: Date.now,
    onLook: (problem) => health.database(problem),
    onClock(difference) {
      clock.compared(difference === undefined);
      health.clock(difference);
    },
  });
  const catalog = { current: config.catalog };
  const lines = new LineBudget(() => performance.now());
  const onDefect = (error: unknown): void => {
    const omitted = lines.admit("route");
    if (omitted !== undefined) log.error({ error, ...(omitted > 0 && { omitted }) }, "a route failed");
  };
  const openfga = createOpenFga({
    config: config.openfga,
    metrics,
    clock,
    onChange(state) {
      health.openfga(state);
      if (state.kind === "ready") health.model(openfga.connection.model(), { ...config, catalog: catalog.current });
    },
    onDefect,
  });
  return {
    ...given,
    metrics,
    clock,
    peppers: new PepperRing(config.tokens.brand, config.tokens.peppers),
    tokens: createTokenStore(database),
    policies: createPolicyStore(database),
    events: createAuditStore(database),
    revocations: createRevocationStore(database),
    health,
    watch,
    openfga,
    model: () => openfga.connection.model(),
    catalog,
    lines,
    onDefect,
  };
}
