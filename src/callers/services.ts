import { hash } from "node:crypto";
import { bearerOf } from "../domain/bearer.js";
import type { ServiceCaller } from "./caller.js";

/** A service of the configuration and what proves it: keys, client certificates, or either. */
export interface ConfiguredCaller {
  readonly caller: ServiceCaller;
  /** SHA-256 of up to two keys, lower-case hex; two while a key is being changed. */
  readonly keySha256: readonly string[];
  /** SPIFFE ids, up to 10: a certificate must have one of them as its name, to the letter. */
  readonly certificates: readonly string[];
}

/** The services that may call. Holds hashes of keys, never keys. */
export class Services {
  #byKey: ReadonlyMap<string, ServiceCaller>;
  #byCertificate: ReadonlyMap<string, ServiceCaller>;

  constructor(callers: readonly ConfiguredCaller[]) {
    this.#byKey = keysOf(callers);
    this.#byCertificate = certificatesOf(callers);
  }

  /** Replaces all services at once. Calls that have been admitted go on. */
  replace(callers: readonly ConfiguredCaller[]): void {
    this.#byKey = keysOf(callers);
    this.#byCertificate = certificatesOf(callers);
  }

  /** Returns the service that this key proves. */
  withKey(key: string): ServiceCaller | undefined {
    // Keys are compared only by looking up their SHA-256. Its timing reveals nothing that an attacker can choose.
    return this.#byKey.get(hash("sha256", key));
  }

  /** Returns the service that a verified certificate of this name proves; most certificates prove none. */
  withCertificate(name: string | undefined): ServiceCaller | undefined {
    return name === undefined ? undefined : this.#byCertificate.get(name);
  }

  /**
   * Returns the service that calls: by its key as a bearer, or by its client certificate where there is no
   * `authorization` at all. Where a header proves nothing, the certificate is not asked: the sender meant to be known
   * by the header.
   *
   * @param clientName reads the name of the certificate, which costs, so it is called only when it is needed.
   */
  find(authorization: string | undefined, clientName: () => string | undefined): ServiceCaller | undefined {
    if (authorization === undefined) return this.withCertificate(clientName());
    const key = bearerOf(authorization);
    return key === undefined ? undefined : this.withKey(key);
  }
}

function keysOf(callers: readonly ConfiguredCaller[]): ReadonlyMap<string, ServiceCaller> {
  return new Map(callers.flatMap(({ caller, keySha256 }) => keySha256.map((digest) => [digest, caller] as const)));
}

function certificatesOf(callers: readonly ConfiguredCaller[]): ReadonlyMap<string, ServiceCaller> {
  return new Map(callers.flatMap(({ caller, certificates }) => certificates.map((name) => [name, caller] as const)));
}
