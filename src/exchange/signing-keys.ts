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
  /** A clock that never jumps, milliseconds, for the age of what was read. */
  readonly monotonicMs: () => number;
  /** Called for every read that failed: known keys may hide it. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Between two reads after a failure, milliseconds: anybody may ask for the keys, and must not make a flood of reads.
 */
const longestPauseMs = 1_000;

/** RFC 9068 §2.1. */
const type = "at+jwt";

/**
 * The keys of our JWTs, as the database has them; every replica signs with the same. They are read again at use after
 * `reloadMs`. While the database does not answer, known keys are shown for as long as a JWT may live: none is made
 * meanwhile, so later there is nothing to verify.
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
   * Reads the keys, makes the first one if there is none, and seals again what an earlier pepper sealed, so that it can
   * be retired. Throws, with what to do, when no configured pepper opens them.
   */
  async start(): Promise<void> {
    await this.#keys.get();
    const { store, sealKeys } = this.#options;
    for (const stored of await store.list()) {
      const add = sealedAnew(stored, sealKeys);
      if (!add) continue;
      // Unless it was swept or withdrawn meanwhile.
      await store.change((keys) => (keys.some(({ kid }) => kid === add.kid) ? { add, remove: [add.kid] } : undefined));
    }
  }

  /** A JWT of these claims, by the key whose time it is. */
  async sign(claims: JWTPayload): Promise<string> {
    const { algorithm: alg, kid, privateKey } = this.#keyOfNow(await this.#keys.get());
    return new SignJWT(claims).setProtectedHeader({ alg, typ: type, kid }).sign(privateKey);
  }

  /** What verifiers fetch (RFC 7517 §5). */
  async published(): Promise<JSONWebKeySet> {
    const keys = await this.#keys.get();
    return { keys: publishedAt(keys, this.#options.clock.now()).map(publicJwk) };
  }

  /** Whether a text is a JWT that was signed by one of the published keys for us, ended or not. */
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

  /** Deletes keys of which nothing lives. */
  async sweep(): Promise<void> {
    const overAt = (keys: readonly { readonly kid: string; readonly signsFrom: Date }[]): readonly string[] => {
      const published = publishedAt(keys, this.#options.clock.now());
      return keys.filter((key) => !published.includes(key)).map(({ kid }) => kid);
    };
    const { store } = this.#options;
    if (overAt(await store.list()).length > 0) await store.change((keys) => ({ remove: overAt(keys) }));
  }

  /** What a text says of itself, if it says that it is one of ours. */
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

  /** Another replica may do so at the same time: one of them is first. */
  async #makeFirst(): ReturnType<SigningKeyStore["list"]> {
    const { store, sealKeys, algorithm, clock } = this.#options;
    const first = await newSigningKey(algorithm, sealKeys, nextSignsFrom([], clock.now()));
    return store.change((keys) => (keys.length === 0 ? { add: first } : undefined));
  }
}
