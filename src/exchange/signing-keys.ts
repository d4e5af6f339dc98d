import { compactVerify, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, SignJWT } from "jose";
import { longestLifetimeMs, nextSignsFrom, publishedAt, reloadMs, signingKeyAt } from "./key-schedule.js";
import { newSigningKey, openSigningKey, publicJwk, type SigningKey, sealedAnew } from "./signing-key.js";
import type { SigningAlgorithm, SigningKeyStore } from "./signing-key-store.js";

export interface SigningKeysOptions {
  readonly store: SigningKeyStore;
  /** Derived from the peppers with `signingKeyLabel`; the first seals, all open. */
  readonly sealKeys: readonly Uint8Array[];
  /** Of the first key, if there is none yet. */
  readonly algorithm: SigningAlgorithm;
  /** `iss` of the JWTs. */
  readonly issuer: string;
  readonly clock: { now(): Date };
  /** A clock that never jumps, milliseconds, for the age of what was read. */
  readonly monotonicMs: () => number;
  /** Told of every read that failed: known keys may hide it. */
  readonly onFailure: (error: unknown) => void;
}

const pauseMs = 1_000;

/** RFC 9068 §2.1. */
const type = "at+jwt";

interface Loaded {
  readonly keys: readonly SigningKey[];
  readonly loadTime: number;
}

/**
 * The keys of our JWTs, as the database has them; every replica signs with the same. They are read again at use after `reloadMs`. While the database does not
 * answer, known keys are shown for as long as a JWT may live: none is made meanwhile, so later there is nothing to verify.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #loaded: Loaded | undefined;
  #loading: Promise<void> | undefined;
  #retryTime = Number.NEGATIVE_INFINITY;
  #lastError: unknown;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /**
   * Reads the keys, makes the first one if there is none, and seals anew what an earlier pepper sealed, so that it can be retired. Throws, with what to do,
   * when no configured pepper opens them.
   */
  async start(): Promise<void> {
    await this.#current();
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
    const { algorithm: alg, kid, privateKey } = this.#keyOfNow(await this.#current());
    return new SignJWT(claims).setProtectedHeader({ alg, typ: type, kid }).sign(privateKey);
  }

  /** What verifiers fetch (RFC 7517 §5). */
  async published(): Promise<JSONWebKeySet> {
    const keys = await this.#current();
    return { keys: publishedAt(keys, this.#options.clock.now()).map(publicJwk) };
  }

  /** Whether a text is a JWT that was signed by one of the published keys for us, ended or not. */
  async made(text: string): Promise<boolean> {
    const header = this.#claimedHeader(text);
    if (!header) return false;
    const key = publishedAt(await this.#current(), this.#options.clock.now()).find(({ kid }) => kid === header.kid);
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

  async #current(): Promise<readonly SigningKey[]> {
    const young = this.#youngerThan(reloadMs);
    if (young) return young.keys;
    if (this.#options.monotonicMs() >= this.#retryTime) {
      this.#loading ??= this.#reload().finally(() => {
        this.#loading = undefined;
      });
      await this.#loading;
    }
    const known = this.#youngerThan(reloadMs + longestLifetimeMs);
    if (!known) throw this.#lastError;
    return known.keys;
  }

  /** Anybody may ask for the keys: after a failure there is a pause, so that they cannot make a flood of reads. */
  async #reload(): Promise<void> {
    const { monotonicMs, onFailure } = this.#options;
    try {
      this.#loaded = await this.#load();
    } catch (error) {
      this.#lastError = error;
      this.#retryTime = monotonicMs() + pauseMs;
      onFailure(error);
    }
  }

  #youngerThan(ageMs: number): Loaded | undefined {
    const loaded = this.#loaded;
    return loaded && this.#options.monotonicMs() - loaded.loadTime < ageMs ? loaded : undefined;
  }

  async #load(): Promise<Loaded> {
    const { store, sealKeys, clock, monotonicMs } = this.#options;
    // Counted from before: what came later may not be in the answer.
    const loadTime = monotonicMs();
    const found = await store.list();
    const stored = found.length > 0 ? found : await this.#makeFirst();
    const keys = publishedAt(stored, clock.now()).map((key) => openSigningKey(key, sealKeys));
    return { keys, loadTime };
  }

  /** Another replica may do so at the same time: one of them is first. */
  async #makeFirst(): ReturnType<SigningKeyStore["list"]> {
    const { store, sealKeys, algorithm, clock } = this.#options;
    const first = await newSigningKey(algorithm, sealKeys, nextSignsFrom([], clock.now()));
    return store.change((keys) => (keys.length === 0 ? { add: first } : undefined));
  }
}
