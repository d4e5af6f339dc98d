import { hash } from "node:crypto";
import type { ServiceCaller } from "./caller.js";

/** A caller and what proves it: keys, client certificates, or either. */
export interface ConfiguredCaller {
  readonly caller: ServiceCaller;
  /** SHA-256 of up to two keys, lower-case hex; two for the time of a change. */
  readonly keySha256: readonly string[];
  /** SPIFFE ids, up to 10: a certificate has one of them as its name, to the letter. */
  readonly certificates: readonly string[];
}

/** Service keys of the configuration. Only their hashes are held. */
export class ServiceKeys {
  #callers: ReadonlyMap<string, ServiceCaller>;

  constructor(callers: readonly ConfiguredCaller[]) {
    this.#callers = byHash(callers);
  }

  /** Takes the place of all callers at once; calls that have been let in go on. */
  replace(callers: readonly ConfiguredCaller[]): void {
    this.#callers = byHash(callers);
  }

  /** The caller that this key proves. */
  find(key: string): ServiceCaller | undefined {
    // Keys are compared by nothing but this look-up of their hash. Its time tells of SHA-256 values, which nobody can steer towards one
    // that is configured without knowing the key, so there is no comparison of secrets whose time could be measured.
    return this.#callers.get(hash("sha256", key));
  }
}

function byHash(callers: readonly ConfiguredCaller[]): ReadonlyMap<string, ServiceCaller> {
  return new Map(callers.flatMap(({ caller, keySha256 }) => keySha256.map((digest) => [digest, caller] as const)));
}
