import { bearerOf } from "../domain/bearer.js";
import type { ServiceCaller } from "./caller.js";
import type { ServiceCertificates } from "./service-certificates.js";
import type { ServiceKeys } from "./service-keys.js";

/** What services of the configuration are known by. */
export interface ServiceProofs {
  readonly serviceKeys: Pick<ServiceKeys, "find">;
  readonly serviceCertificates: Pick<ServiceCertificates, "find">;
}

/**
 * The service that calls: by its key as a bearer, or by the name of its verified client certificate where there is no `authorization` at all. One that
 * proves nothing is no reason to look at the certificate: its sender meant to be known by it.
 */
export function serviceOf(
  { serviceKeys, serviceCertificates }: ServiceProofs,
  authorization: string | undefined,
  clientName: () => string | undefined,
): ServiceCaller | undefined {
  if (authorization === undefined) return serviceCertificates.find(clientName());
  const key = bearerOf(authorization);
  return key === undefined ? undefined : serviceKeys.find(key);
}
