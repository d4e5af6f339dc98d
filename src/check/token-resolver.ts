import { Batcher } from "../async/batcher.js";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import type { PepperRing } from "../domain/pepper.js";
import { parseSecret, sha256Of } from "../domain/secret.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";

/** The result of resolving a text. `malformed`, and `unknown` for guessed secrets, need no read. */
export type Resolution =
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly token: ResolvedToken }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The cache of token records that may be served without a read. */
export interface KnownTokens {
  /** Returns the record of a secret by its SHA-256, or undefined when it must be read. */
  get(sha256: string): ResolvedToken | undefined;
  /** Stores a record that was read at an epoch, if it is still current. */
  keep(sha256: string, token: ResolvedToken, asOf: number): void;
  /** The newest epoch seen so far. A read that is sent now must not return an older one. */
  readonly seen: number;
}

export interface TokenResolverOptions {
  readonly brand: string;
  readonly peppers: PepperRing;
  readonly store: Pick<TokenStore, "resolve">;
  /** Absent: every token is read every time. */
  readonly known?: KnownTokens;
  /** Called with the number of digests of each read. */
  readonly onLookup?: (digests: number) => void;
}

/** A secret whose record must be read. */
interface Lookup {
  /** SHA-256 of the secret. */
  readonly key: string;
  readonly digest: Uint8Array;
}

const malformed: Resolution = { kind: "malformed" };
const unknown: Resolution = { kind: "unknown" };
const maxBatch = 500;

/**
 * Finds the token records of secrets. Malformed text and secrets whose tag fits no pepper are refused without a read,
 * so that a flood of guesses costs next to nothing. Known records are served without a read, and reads that come at the
 * same time are joined.
 */
export class TokenResolver {
  readonly #options: TokenResolverOptions;
  readonly #lookups: Batcher<Lookup, Resolution>;

  constructor(options: TokenResolverOptions) {
    this.#options = options;
    this.#lookups = new Batcher({ maxBatch, send: (batch) => this.#read(batch) });
  }

  /**
   * Returns the result at once when no read is needed, otherwise a promise that never rejects. A record that is read
   * after the deadline is still kept.
   */
  resolve(text: string, options?: CallOptions): Resolution | Promise<Resolution> {
    const secret = parseSecret(text, this.#options.brand);
    if (!secret) return malformed;
    const key = sha256Of(text);
    const token = this.#options.known?.get(key);
    if (token) return { kind: "known", token };
    const recognized = this.#options.peppers.recognize(secret);
    return recognized ? this.#find({ key, digest: recognized.digest }, options) : unknown;
  }

  async #find(lookup: Lookup, options: CallOptions | undefined): Promise<Resolution> {
    const [found = new Failure("INTERNAL")] = await this.#lookups.ask([lookup], options);
    return found instanceof Failure ? { kind: "failed", failure: found } : found;
  }

  async #read(batch: readonly Lookup[]): Promise<readonly Resolution[]> {
    const { store, known, onLookup } = this.#options;
    const seen = known?.seen ?? 0;
    onLookup?.(batch.length);
    const { tokens, asOf } = await store.resolve(batch.map(({ digest }) => digest));
    if (asOf < seen)
      throw new Failure("DATABASE_UNAVAILABLE", {
        cause: new Error("the database returned an older epoch than before"),
      });
    return batch.map(({ key }, index): Resolution => {
      const token = tokens[index];
      if (!token) return unknown;
      known?.keep(key, token, asOf);
      return { kind: "known", token };
    });
  }
}
