import { createPublicKey, type KeyObject } from "node:crypto";
import { Refreshed } from "../../async/refreshed.js";
import { fetchIfChanged } from "../../callers/oidc/fetch-document.js";
import { issuerUnavailable } from "../../callers/oidc/issuer-keys.js";

export interface ProviderConfig {
  /** Where the provider publishes its keys; https, or http on loopback. */
  readonly keysUrl: string;
  /** Sent to that address as a bearer token. Absent when none is needed. */
  readonly token?: string;
}

/** The keys that a provider signs its reports with. */
export interface ProviderKeys {
  /** Returns undefined when it has no key of this name. Throws ISSUER_UNAVAILABLE when the keys cannot be fetched. */
  find(id: string): Promise<KeyObject | undefined>;
}

interface KeySet {
  readonly byId: ReadonlyMap<string, KeyObject>;
  readonly etag: string | undefined;
}

const nothing: KeySet = { byId: new Map(), etag: undefined };

/** How long a key that the provider has withdrawn is still trusted, milliseconds. */
const maxAgeMs = 3_600_000;
const unknownNameMs = 60_000;
const fetchTimeoutMs = 5_000;

/**
 * Keeps the keys of a provider for an hour. An unknown name causes another fetch: a few times, and then once a minute
 * for all names together.
 */
export function createProviderKeys(
  { keysUrl, token }: ProviderConfig,
  { onFetchFailure, monotonicMs = () => performance.now() }: ProviderKeysOptions,
): ProviderKeys {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const fetchKeys = async (known: KeySet | undefined): Promise<KeySet> => {
    const fetched = await fetchIfChanged(keysUrl, AbortSignal.timeout(fetchTimeoutMs), known?.etag, headers);
    return fetched ? { byId: keysIn(fetched.document), etag: fetched.etag } : { ...(known ?? nothing) };
  };
  const keys = new Refreshed(fetchKeys, {
    maxAgeMs,
    unknownNameMs,
    monotonicMs,
    onFailure: onFetchFailure,
    unavailable: issuerUnavailable,
  });
  return {
    find: (id) => keys.find(id, ({ byId }) => byId.get(id)),
  };
}

export interface ProviderKeysOptions {
  /** Called for every fetch of keys that failed. */
  readonly onFetchFailure: (error: unknown) => void;
  /** A clock that never jumps, milliseconds. Default: the process's. */
  readonly monotonicMs?: () => number;
}

/**
 * Returns the `public_keys` of a document, in the format of both providers. Keys that are not P-256 are skipped, so
 * that a new kind of key does not make the others useless.
 */
function keysIn(document: Readonly<Record<string, unknown>>): ReadonlyMap<string, KeyObject> {
  const entries = document["public_keys"];
  if (!Array.isArray(entries)) throw new Error("the document has no list of public keys");
  return new Map(
    entries.flatMap((entry) => {
      const { key_identifier: id, key: pem } = Object(entry);
      const key = typeof pem === "string" ? readKey(pem) : undefined;
      return typeof id === "string" && key ? [[id, key] as const] : [];
    }),
  );
}

function readKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    return undefined;
  }
}
