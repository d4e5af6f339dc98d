import { createLocalJWKSet, type JSONWebKeySet } from "jose";
import { Refreshed, type RefreshedOptions } from "../../async/refreshed.js";
import { Failure } from "../../domain/errors.js";
import { isConfidential } from "../../domain/network.js";
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

/** Fetches keys by OpenID Connect Discovery §4: the document has their address, and must repeat the exact issuer. */
async function fetchKeys(issuer: string, timeoutMs: number): Promise<KeySet> {
  const signal = AbortSignal.timeout(timeoutMs);
  const document = await fetchDocument(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  if (document["issuer"] !== issuer)
    throw new Error(`the discovery document ${otherIssuer(document["issuer"], issuer)}`);
  const address = document["jwks_uri"];
  if (typeof address !== "string" || !URL.canParse(address) || !mayServeKeys(new URL(address), issuer)) {
    throw new Error("the discovery document has no jwks_uri that may be used; it must be an https: URL");
  }
  // jose checks the form of the document before it uses it.
  return createLocalJWKSet((await fetchDocument(address, signal)) as unknown as JSONWebKeySet);
}

/** Describes the issuer that a discovery document names. Text that cannot be an issuer is not repeated. */
function otherIssuer(named: unknown, issuer: string): string {
  if (typeof named !== "string" || !/^https?:\/\/[\x21-\x7e]{1,250}$/.test(named))
    return "names no issuer that can be used";
  const bare = (url: string): string => url.replace(/\/$/, "");
  const hint = bare(named) === bare(issuer) ? "; write the slash at the end as the document does" : "";
  return `names another issuer: it names ${named}, and issuers has ${issuer}${hint}`;
}

/** Returns whether keys may be fetched from an address. Only an issuer on loopback may name one without TLS. */
function mayServeKeys(address: URL, issuer: string): boolean {
  const plain = (url: URL): boolean => url.protocol === "http:";
  return isConfidential(address) && (!plain(address) || plain(new URL(issuer)));
}
