import type { Logger } from "./log.js";

/** A part that the service stands on. */
export interface Vital {
  readonly ok: boolean;
  /** Why not, for an operator; nothing secret, since `/readyz` shows it to everybody. */
  readonly problem?: string;
  /** What it was seen by; the log has them as they were when the problem came up. Nothing secret either. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** How often a problem that lasts is logged, milliseconds. */
const repeatMs = 60_000;

/**
 * What is healthy and what is not, as last reported. Each change is logged once, and a problem that is still reported
 * once a minute.
 */
export class Vitals<Name extends string> {
  readonly #vitals = new Map<Name, Vital>();
  readonly #essential: ReadonlySet<Name>;
  readonly #log: Logger;
  readonly #onReport: () => void;
  readonly #monotonicMs: () => number;
  readonly #loggedAt = new Map<Name, number>();

  /**
   * `essential`: those without which the process must get no traffic; until reported, they are unhealthy. `onReport` is
   * called after each report. `monotonicMs`: a clock that never jumps, by default the process's.
   */
  constructor(
    essential: readonly Name[],
    log: Logger,
    onReport: () => void = () => undefined,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#essential = new Set(essential);
    for (const name of essential) this.#vitals.set(name, { ok: false, problem: "not looked at yet" });
    this.#log = log;
    this.#onReport = onReport;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether the process can do its work: the one place that decides it, for `/readyz` and gRPC health alike. */
  get ready(): boolean {
    return [...this.#vitals].every(([name, { ok }]) => ok || !this.#essential.has(name));
  }

  isWell(name: Name): boolean {
    return this.#vitals.get(name)?.ok ?? false;
  }

  report(name: Name, vital: Vital): void {
    const before = this.#vitals.get(name);
    this.#vitals.set(name, vital);
    this.#onReport();
    const changed = before?.ok !== vital.ok || before.problem !== vital.problem;
    if (vital.ok) {
      if (changed) this.#log.info({ vital: name }, "healthy");
      return;
    }
    const now = this.#monotonicMs();
    if (!changed && now - (this.#loggedAt.get(name) ?? now) < repeatMs) return;
    this.#loggedAt.set(name, now);
    this.#log.warn({ vital: name, problem: vital.problem, ...vital.facts }, "unhealthy");
  }

  snapshot(): {
    readonly ready: boolean;
    readonly checks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  } {
    return {
      ready: this.ready,
      checks: Object.fromEntries([...this.#vitals].map(([name, vital]) => [name, { ...vital }])),
    };
  }
}
