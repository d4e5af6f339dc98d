import { createLocalJWKSet, type JSONWebKeySet } from "jose";
import { Refreshed, type RefreshedOptions } from "../../async/refreshed.js";
import { Failure } from "../../domain/errors.js";
import { addressIn, fetchDiscovery } from "./discovery.js";
import { fetchDocument } from "./fetch-document.js";

/** A function that finds the public key for the header of a token, as jose's verification needs it. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

export interface IssuerKeysOptions extends Pick<RefreshedOptions, "maxAgeMs" | "monotonicMs" | "random" | "onFailure"> {
  /** Deadline of discovery and keys together, milliseconds. */
  readonly fetchTimeoutMs: number;
}

/** The public keys of one issuer. */
export class IssuerKeys extends Refreshed<KeySet> {
  constructor(issuer: string, options: IssuerKeysOptions) {
    super(() => fetchKeys(issuer, options.fetchTimeoutMs), { ...options, unavailable: issuerUnavailable });
  }
}

/** Returns the error for keys that cannot be fetched now. */
export function issuerUnavailable(cause: unknown, retryDelayMs?: number): Failure {
  return new Failure("ISSUER_UNAVAILABLE", { cause, ...(retryDelayMs !== undefined && { retryDelayMs }) });
}

/** Fetches the keys at the address in the issuer's discovery document. */
async function fetchKeys(issuer: string, timeoutMs: number): Promise<KeySet> {
  const signal = AbortSignal.timeout(timeoutMs);
  const address = addressIn(await fetchDiscovery(issuer, signal), "jwks_uri", issuer);
  // jose checks the form of the document before it uses it.
  return createLocalJWKSet((await fetchDocument(address, signal)) as unknown as JSONWebKeySet);
}
