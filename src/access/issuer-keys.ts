import { isIP } from "node:net";
import { createLocalJWKSet, type JSONWebKeySet } from "jose";
import { Failure } from "../failure/failure.js";

/** Finds the public key for the header of a token; what jose's verification takes. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

export interface IssuerKeysOptions {
  /** How long fetched keys count as current, milliseconds. A key that the issuer has removed is trusted for as long. */
  readonly cacheMaxAgeMs: number;
  /** Of discovery and keys together, milliseconds. */
  readonly fetchTimeoutMs: number;
  /** Any clock that never jumps, milliseconds. */
  readonly monotonicMs: () => number;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
  /** Told of every failed fetch, for the log: known keys may hide an outage for an hour. */
  readonly onFetchFailure: (error: unknown) => void;
}

/** After their age is over, known keys still serve for this long while the issuer gives no others. */
const staleIfErrorMs = 3_600_000;
/** Between two fetches that unknown keys ask for: tokens with made-up keys must not become a flood of fetches. */
const unknownKeyMs = 30_000;
const firstBackOffMs = 1_000;
const maxBackOffMs = 60_000;
const maxDocumentBytes = 262_144;

/** What an issuer publishes at one time. */
interface Published {
  readonly keys: KeySet;
  readonly fetchTime: number;
}

/**
 * The public keys of one issuer. Whoever asks shares one fetch; a failed one is followed by a pause that doubles from about a second to a
 * minute. jose's own remote set fetches once a call while an issuer fails, and knows no bounded staleness.
 */
export class IssuerKeys {
  readonly #issuer: string;
  readonly #options: IssuerKeysOptions;
  #published: Published | undefined;
  #fetching: Promise<void> | undefined;
  #failures = 0;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  constructor(issuer: string, options: IssuerKeysOptions) {
    this.#issuer = issuer;
    this.#options = options;
  }

  /** The keys as known now. Throws ISSUER_UNAVAILABLE when there are none that may still be trusted. */
  async current(): Promise<KeySet> {
    if (!this.#isYoungerThan(this.#options.cacheMaxAgeMs)) await this.#refresh();
    if (this.#published && this.#isYoungerThan(this.#options.cacheMaxAgeMs + staleIfErrorMs))
      return this.#published.keys;
    throw this.#unavailable();
  }

  /**
   * The keys as published since `known` was, for a key that is not among those; undefined when there has been no reason to look again.
   * Throws ISSUER_UNAVAILABLE when the issuer would not say.
   */
  async newerThan(known: KeySet): Promise<KeySet | undefined> {
    if (this.#published?.keys === known && !this.#isYoungerThan(unknownKeyMs)) {
      await this.#refresh();
      // The issuer may well have published this key by now: that is no reason to refuse it for good.
      if (this.#published.keys === known) throw this.#unavailable();
    }
    return this.#published?.keys === known ? undefined : this.#published?.keys;
  }

  #isYoungerThan(ageMs: number): boolean {
    return this.#published !== undefined && this.#options.monotonicMs() - this.#published.fetchTime < ageMs;
  }

  /** Resolves when a fetch has ended, well or not, or when it is too early for another. */
  async #refresh(): Promise<void> {
    if (!this.#fetching && this.#options.monotonicMs() < this.#retryTime) return;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    // Counted from before: what came later may not be in the answer.
    const fetchTime = this.#options.monotonicMs();
    try {
      this.#published = { keys: await fetchKeys(this.#issuer, this.#options.fetchTimeoutMs), fetchTime };
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      const pause = Math.min(firstBackOffMs * 2 ** this.#failures, maxBackOffMs);
      this.#failures += 1;
      this.#retryTime = this.#options.monotonicMs() + pause * (0.5 + this.#options.random() / 2);
      this.#lastError = error;
      this.#options.onFetchFailure(error);
    }
  }

  #unavailable(): Failure {
    return new Failure("ISSUER_UNAVAILABLE", { cause: this.#lastError });
  }
}

/** OpenID Connect Discovery §4: the issuer's document names the keys' address, and must repeat the issuer to the letter. */
async function fetchKeys(issuer: string, timeoutMs: number): Promise<KeySet> {
  const signal = AbortSignal.timeout(timeoutMs);
  const document = await fetchDocument(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  if (document["issuer"] !== issuer) throw new Error("the discovery document names another issuer");
  const address = document["jwks_uri"];
  if (typeof address !== "string" || !URL.canParse(address) || !mayServeKeys(new URL(address), issuer)) {
    throw new Error("the discovery document names no address of keys that may be used");
  }
  // jose looks at its shape before it takes anything out of it.
  return createLocalJWKSet((await fetchDocument(address, signal)) as unknown as JSONWebKeySet);
}

function mayServeKeys(address: URL, issuer: string): boolean {
  return address.protocol === "https:" || (isLoopbackHttp(address) && isLoopbackHttp(new URL(issuer)));
}

/** Where tests and demos run their issuer. */
export function isLoopbackHttp({ protocol, hostname }: URL): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  // URL has made every way to write an IPv4 address into this one.
  return (
    protocol === "http:" && (host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127.")))
  );
}

async function fetchDocument(address: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(address, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the issuer answered ${response.status}`);
  }
  const document: unknown = JSON.parse(await limitedText(response));
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Error("the issuer's document is no JSON object");
  }
  return document as Readonly<Record<string, unknown>>; // just tested
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxDocumentBytes) throw new Error("the issuer's document is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
