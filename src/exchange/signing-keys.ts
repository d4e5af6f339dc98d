import { compactVerify, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, SignJWT } from "jose";
import { Refreshed } from "../async/refreshed.js";
import type { Clock } from "../domain/clock.js";
import { longestLifetimeMs, nextSignsFrom, publishedAt, reloadMs, signingKeyAt } from "./key-schedule.js";
import { newSigningKey, openSigningKey, publicJwk, type SigningKey, sealedAnew } from "./signing-key.js";
import type { SigningAlgorithm, SigningKeyStore } from "./signing-key-store.js";

export interface SigningKeysOptions {
  readonly store: SigningKeyStore;
  /** Derived from the peppers with `signingKeyLabel`; the first seals, all open. */
  readonly sealKeys: readonly Uint8Array[];
  /** The algorithm of the first key, if there is none yet. */
  readonly algorithm: SigningAlgorithm;
  /** `iss` of the JWTs. */
  readonly issuer: string;
  readonly clock: Clock;
  /** A clock that never jumps, milliseconds, for the age of the keys that were read. */
  readonly monotonicMs: () => number;
  /** Called for every failed read. Cached keys may hide the failure from callers. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The longest pause between two reads after a failure, milliseconds. Anybody may request the keys, and this must not
 * cause a flood of reads.
 */
const longestPauseMs = 1_000;

/** RFC 9068 §2.1. */
const type = "at+jwt";

/**
 * The keys of our JWTs, as stored in the database; every replica signs with the same key. They are read again at use
 * after `reloadMs`. While the database does not answer, cached keys are published for as long as a JWT may live: no JWT
 * is made meanwhile, so afterwards there is nothing left to verify.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  readonly #keys: Refreshed<readonly SigningKey[]>;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
    this.#keys = new Refreshed(() => this.#load(), {
      maxAgeMs: reloadMs,
      staleIfErrorMs: longestLifetimeMs,
      longestPauseMs,
      monotonicMs: options.monotonicMs,
      onFailure: options.onFailure,
      unavailable: (cause) => cause,
    });
  }

  /**
   * Reads the keys, makes the first one if there is none, and seals keys of an earlier pepper again, so that the
   * earlier pepper can be retired. Throws when no configured pepper opens them; the error says what to do.
   */
  async start(): Promise<void> {
    await this.#keys.get();
    const { store, sealKeys } = this.#options;
    for (const stored of await store.list()) {
      const add = sealedAnew(stored, sealKeys);
      if (!add) continue;
      // Only if the key was not swept or withdrawn meanwhile.
      await store.change((keys) => (keys.some(({ kid }) => kid === add.kid) ? { add, remove: [add.kid] } : undefined));
    }
  }

  /** Signs a JWT of these claims with the current key. */
  async sign(claims: JWTPayload): Promise<string> {
    const { algorithm: alg, kid, privateKey } = this.#keyOfNow(await this.#keys.get());
    return new SignJWT(claims).setProtectedHeader({ alg, typ: type, kid }).sign(privateKey);
  }

  /** Returns the keys that verifiers fetch (RFC 7517 §5). */
  async published(): Promise<JSONWebKeySet> {
    const keys = await this.#keys.get();
    return { keys: publishedAt(keys, this.#options.clock.now()).map(publicJwk) };
  }

  /** Returns whether a text is a JWT of ours, signed by one of the published keys, expired or not. */
  async made(text: string): Promise<boolean> {
    const header = this.#claimedHeader(text);
    if (!header) return false;
    const key = publishedAt(await this.#keys.get(), this.#options.clock.now()).find(({ kid }) => kid === header.kid);
    if (!key) return false;
    return compactVerify(text, key.publicKey, { algorithms: [key.algorithm] }).then(
      () => true,
      () => false,
    );
  }

  /** Deletes keys whose JWTs have all expired. */
  async sweep(): Promise<void> {
    const overAt = (keys: readonly { readonly kid: string; readonly signsFrom: Date }[]): readonly string[] => {
      const published = publishedAt(keys, this.#options.clock.now());
      return keys.filter((key) => !published.includes(key)).map(({ kid }) => kid);
    };
    const { store } = this.#options;
    if (overAt(await store.list()).length > 0) await store.change((keys) => ({ remove: overAt(keys) }));
  }

  /** Returns the header of a text that claims to be a JWT of ours, without verifying it. */
  #claimedHeader(text: string): { readonly kid?: string } | undefined {
    try {
      const header = decodeProtectedHeader(text);
      return header.typ === type && decodeJwt(text).iss === this.#options.issuer ? header : undefined;
    } catch {
      return undefined;
    }
  }

  #keyOfNow(keys: readonly SigningKey[]): SigningKey {
    const key = signingKeyAt(keys, this.#options.clock.now());
    if (!key) throw new Error("there is no signing key");
    return key;
  }

  async #load(): Promise<readonly SigningKey[]> {
    const { store, sealKeys, clock } = this.#options;
    const found = await store.list();
    const stored = found.length > 0 ? found : await this.#makeFirst();
    return publishedAt(stored, clock.now()).map((key) => openSigningKey(key, sealKeys));
  }

  /** Makes the first key. Another replica may do so at the same time; only one of the keys is stored. */
  async #makeFirst(): ReturnType<SigningKeyStore["list"]> {
    const { store, sealKeys, algorithm, clock } = this.#options;
    const first = await newSigningKey(algorithm, sealKeys, nextSignsFrom([], clock.now()));
    return store.change((keys) => (keys.length === 0 ? { add: first } : undefined));
  }
}
