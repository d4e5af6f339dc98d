import type { ServiceCaller } from "./caller.js";
import type { ConfiguredCaller } from "./service-keys.js";

/** Names of client certificates that prove services of the configuration. */
export class ServiceCertificates {
  #callers: ReadonlyMap<string, ServiceCaller>;

  constructor(callers: readonly ConfiguredCaller[]) {
    this.#callers = byName(callers);
  }

  /** Takes the place of all callers at once; calls that have been let in go on. */
  replace(callers: readonly ConfiguredCaller[]): void {
    this.#callers = byName(callers);
  }

  /** The caller that a verified certificate of this name proves; most certificates prove none. */
  find(name: string | undefined): ServiceCaller | undefined {
    return name === undefined ? undefined : this.#callers.get(name);
  }
}

function byName(callers: readonly ConfiguredCaller[]): ReadonlyMap<string, ServiceCaller> {
  return new Map(callers.flatMap(({ caller, certificates }) => certificates.map((name) => [name, caller] as const)));
}
