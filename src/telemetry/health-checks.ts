import type { Logger } from "./log.js";

/** The state of a dependency of the service. */
export interface HealthCheck {
  readonly ok: boolean;
  /** Describes what is wrong, for an operator. Must hold no secret: `/readyz` shows it to everybody. */
  readonly problem?: string;
  /** The observed facts. The log shows them as they were when the problem began. They must hold no secret either. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** How often an unchanged problem is logged, milliseconds. */
const repeatMs = 60_000;

/**
 * The last known state of each dependency. Each change is logged once, and a problem that is still reported once a
 * minute.
 */
export class HealthChecks<Name extends string> {
  readonly #checks = new Map<Name, HealthCheck>();
  readonly #essential: ReadonlySet<Name>;
  readonly #log: Logger;
  readonly #onReport: () => void;
  readonly #monotonicMs: () => number;
  readonly #loggedAt = new Map<Name, number>();
  #draining = false;

  /**
   * @param essential the checks without which the process must get no traffic; they are unhealthy until they are
   * reported.
   * @param onReport is called after each report.
   * @param monotonicMs a clock that never jumps. Default: the clock of the process.
   */
  constructor(
    essential: readonly Name[],
    log: Logger,
    onReport: () => void = () => undefined,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#monotonicMs = monotonicMs;
    this.#essential = new Set(essential);
    for (const name of essential) this.#checks.set(name, { ok: false, problem: "not checked yet" });
    this.#log = log;
    this.#onReport = onReport;
  }

  /** Whether the process can serve calls. `/readyz` and gRPC health both read it here. */
  get ready(): boolean {
    return !this.#draining && [...this.#checks].every(([name, { ok }]) => ok || !this.#essential.has(name));
  }

  isHealthy(name: Name): boolean {
    return this.#checks.get(name)?.ok ?? false;
  }

  report(name: Name, check: HealthCheck): void {
    const before = this.#checks.get(name);
    this.#checks.set(name, check);
    this.#onReport();
    const changed = before?.ok !== check.ok || before.problem !== check.problem;
    if (check.ok) {
      if (changed) this.#log.info({}, `healthy: ${name}`);
      return;
    }
    const now = this.#monotonicMs();
    if (!changed && now - (this.#loggedAt.get(name) ?? now) < repeatMs) return;
    this.#loggedAt.set(name, now);
    this.#log.warn({ problem: check.problem, ...check.facts }, `unhealthy: ${name}`);
  }

  /** Removes a check of something that is not used any more. Not for essential checks. */
  remove(name: Name): void {
    this.#checks.delete(name);
  }

  /** Makes the process not ready from now on, whatever is reported later. */
  drain(): void {
    this.#draining = true;
    this.#onReport();
  }

  snapshot(): {
    readonly ready: boolean;
    readonly checks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  } {
    const checks = Object.fromEntries([...this.#checks].map(([name, check]) => [name, { ...check }]));
    return {
      ready: this.ready,
      checks: this.#draining ? { ...checks, process: { ok: false, problem: "shutting down" } } : checks,
    };
  }
}
