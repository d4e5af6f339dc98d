import { hash } from "node:crypto";
import { bearerOf } from "../domain/bearer.js";
import type { ServiceCaller } from "./caller.js";

/** A service of the configuration, with its keys and client certificates. Either proves it. */
export interface ConfiguredCaller {
  readonly caller: ServiceCaller;
  /** SHA-256 of up to two keys, lower-case hex; two while a key is being changed. */
  readonly keySha256: readonly string[];
  /** SPIFFE ids, up to 10. The name of a certificate must be exactly one of them. */
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

  /** Replaces all services at once. Calls that were already admitted continue. */
  replace(callers: readonly ConfiguredCaller[]): void {
    this.#byKey = keysOf(callers);
    this.#byCertificate = certificatesOf(callers);
  }

  /** Returns the service with this key. */
  withKey(key: string): ServiceCaller | undefined {
    // Keys are compared by their SHA-256, so the timing of the lookup reveals nothing useful to an attacker.
    return this.#byKey.get(hash("sha256", key));
  }

  /** Returns the service with a certificate of this name, or undefined when no service has it. */
  withCertificate(name: string | undefined): ServiceCaller | undefined {
    return name === undefined ? undefined : this.#byCertificate.get(name);
  }

  /**
   * Returns the service that calls: by its key as a bearer, or by its client certificate when there is no
   * `authorization` header. When the header is invalid, the certificate is ignored: the caller chose the header.
   *
   * @param clientName Returns the name of the certificate. It is expensive, so it is called only when it is needed.
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
