import type { Logger } from "./log.js";

/** The state of something that the service depends on. */
export interface HealthCheck {
  readonly ok: boolean;
  /** Says what is wrong, for an operator. Nothing secret: `/readyz` shows it to everybody. */
  readonly problem?: string;
  /** What was observed. The log has it as it was when the problem began. Nothing secret either. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** How often a problem that lasts is logged, milliseconds. */
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
   * @param essential those without which the process must get no traffic; they are unhealthy until they are reported.
   * @param onReport is called after each report.
   * @param monotonicMs a clock that never jumps. Default: the process's.
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

  /** Whether the process can do its work: the one place that decides it, for `/readyz` and gRPC health alike. */
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

  /** Makes the process unready from now on, whatever is reported. */
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
