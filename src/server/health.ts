import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import type { Config } from "../config/config.js";
import type { Problem } from "../config/problem.js";
import type { ClockDifference } from "../database/watch.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { ConnectionState } from "../openfga/connection.js";
import type { ReplicaProblem } from "../revocation/replica.js";
import { type HealthCheck, HealthChecks } from "../telemetry/health-checks.js";
import type { Logger } from "../telemetry/log.js";
import { HealthService } from "../transport/health.js";
import type { Readiness } from "../transport/probes.js";
import { managementServices } from "./services.js";
import { catalogOutside, missingWords, routesOutsideModel, subjectsOutsideModel } from "./settings-in-model.js";

type CheckName =
  | "database"
  | "clock"
  | "token_cache"
  | "openfga"
  | "openfga_configuration"
  | "model_user"
  | "model_organization"
  | "model_routes"
  | "model_catalog";

/** Until these problems end, every Check reads the database. */
const replicaProblems = {
  failed: "failed to renew the lease; every Check reads the database until it is renewed",
  "clock-stopped":
    "this machine was suspended, or the database's clock was set; every Check reads the database for ten minutes",
  "history-lost":
    "the database lost changes, as after a fail-over to a standby that lagged; check what was revoked, then restart",
} as const;

/** The state that `/readyz` and gRPC health show. For AuthorizationService, OpenFGA must also answer. */
export class ServerHealth {
  readonly service = new HealthService([AuthorizationService.typeName, ...managementServices]);
  readonly #checks: HealthChecks<CheckName>;
  readonly #log: Logger;
  #listening = false;
  #warning: string | undefined;

  constructor(log: Logger) {
    this.#log = log;
    // OpenFGA is essential until it has been read once. A later outage only makes AuthorizationService unhealthy.
    this.#checks = new HealthChecks(["database", "clock", "openfga_configuration"], log, () => this.#show());
  }

  /** Called when all ports listen. */
  listening(): void {
    this.#listening = true;
    this.#show();
  }

  /** Tells balancers and watchers that this process ends. */
  drain(): void {
    this.service.drain();
    this.#checks.drain();
  }

  snapshot(): Readiness {
    return this.#checks.snapshot();
  }

  /** Called after each check of the database; undefined when it is healthy. */
  database(problem: string | undefined): void {
    this.#checks.report("database", problem === undefined ? { ok: true } : { ok: false, problem });
  }

  /** Called after each comparison of clocks; undefined when they agree. */
  clock(difference: ClockDifference | undefined): void {
    this.#checks.report("clock", difference ? clocksDiffer(difference) : { ok: true });
  }

  /** Called at each change of the connection to OpenFGA. */
  openfga(state: ConnectionState): void {
    const ok = state.kind === "ready";
    const problem = "problem" in state ? { problem: state.problem } : {};
    this.#checks.report("openfga", { ok, ...problem });
    if (state.kind !== "unreachable") this.#checks.report("openfga_configuration", { ok, ...problem });
  }

  /** Called when a model was read. A type that the model admits nowhere would otherwise only show as NOT_PERMITTED. */
  model(model: AuthorizationModel, config: Pick<Config, "subjects" | "integrations" | "catalog">): void {
    const outside = subjectsOutsideModel(config, model);
    for (const kind of ["user", "organization"] as const) {
      const problem = outside.find((each) => each.kind === kind)?.problem;
      this.#checks.report(`model_${kind}`, problem === undefined ? { ok: true } : { ok: false, problem });
    }
    if (config.integrations.routes.length > 0) {
      const failing = "so these requests fail";
      this.#checks.report("model_routes", withKeys(routesOutsideModel(config, model), failing));
    }
    if (config.catalog) {
      this.#checks.report("model_catalog", withKeys(catalogOutside(config, model), "so pages do not show it"));
    } else {
      this.#checks.remove("model_catalog");
    }
    const warning = missingWords(config, model);
    if (warning !== undefined && warning !== this.#warning) this.#log.warn({}, warning);
    this.#warning = warning;
  }

  /** Called when the lease becomes unhealthy, or healthy again (undefined). */
  lease(problem: ReplicaProblem | undefined): void {
    if (problem) this.#checks.report("token_cache", { ok: false, problem: replicaProblems[problem.kind] });
    else this.#checks.report("token_cache", { ok: true });
  }

  #show(): void {
    const ready = this.#listening && this.#checks.ready;
    for (const name of ["", ...managementServices]) this.service.set(name, ready);
    this.service.set(AuthorizationService.typeName, ready && this.#checks.isHealthy("openfga"));
  }
}

/** Names the key only: `/readyz` need not show everybody the names of the model. */
function withKeys([first, ...others]: readonly Problem[], effect: string): HealthCheck {
  if (!first) return { ok: true };
  const more = others.length > 0 ? ` and ${others.length} more` : "";
  return {
    ok: false,
    problem: `the authorization model lacks ${first.key}${more}, ${effect}; \`patwarden serve --check\` says more`,
  };
}

function clocksDiffer({ here, database }: ClockDifference): HealthCheck {
  return {
    ok: false,
    problem:
      "the clocks of this machine and of the database differ by more than a second; synchronize them. Until then this replica makes no decisions",
    facts: { here: here.toISOString(), database: database.toISOString() },
  };
}
