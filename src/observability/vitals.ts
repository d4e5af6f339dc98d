import type { Logger } from "./log.js";

/** A part that the service stands on. */
export interface Vital {
  readonly ok: boolean;
  /** Why not, for an operator; nothing secret, since `/readyz` shows it to everybody. */
  readonly problem?: string;
}

/** What is well and what is not, as last seen. Each change is logged once. */
export class Vitals<Name extends string> {
  readonly #vitals = new Map<Name, Vital>();
  readonly #essential: ReadonlySet<Name>;
  readonly #log: Logger;

  /** `essential`: those without which the process must get no traffic; until reported, they are not well. */
  constructor(essential: readonly Name[], log: Logger) {
    this.#essential = new Set(essential);
    for (const name of essential) this.#vitals.set(name, { ok: false, problem: "not looked at yet" });
    this.#log = log;
  }

  report(name: Name, vital: Vital): void {
    const before = this.#vitals.get(name);
    this.#vitals.set(name, vital);
    if (before?.ok === vital.ok && before.problem === vital.problem) return;
    if (vital.ok) this.#log.info({ vital: name }, "is well");
    else this.#log.warn({ vital: name, problem: vital.problem }, "is not well");
  }

  snapshot(): {
    readonly ready: boolean;
    readonly checks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  } {
    const ready = [...this.#vitals].every(([name, { ok }]) => ok || !this.#essential.has(name));
    return { ready, checks: Object.fromEntries([...this.#vitals].map(([name, vital]) => [name, { ...vital }])) };
  }
}
