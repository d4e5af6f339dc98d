import { Batcher } from "../async/batcher.js";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import type { PepperRing } from "../domain/pepper.js";
import { parseSecret, sha256Of } from "../domain/secret.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";

/** What a text leads to. Only `known` and a failure may cost a read. */
export type Resolution =
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly token: ResolvedToken }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Records that were read before and may be served without a read. */
export interface KnownTokens {
  /** Returns undefined when the record of this secret, by its SHA-256, must be read. */
  get(sha256: string): ResolvedToken | undefined;
  /** Offers a record that was read out of the snapshot of an epoch. */
  keep(sha256: string, token: ResolvedToken, asOf: number): void;
  /** The epoch that a read sent now may not be behind. */
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
 * Finds the token records of secret texts. Malformed text and secrets whose tag fits no pepper are refused without a
 * read, so that a flood of guesses costs next to nothing; what is known is served without one, and reads that are
 * wanted at the same time are one.
 */
export class TokenResolver {
  readonly #options: TokenResolverOptions;
  readonly #lookups: Batcher<Lookup, Resolution>;

  constructor(options: TokenResolverOptions) {
    this.#options = options;
    this.#lookups = new Batcher({ maxBatch, send: (batch) => this.#read(batch) });
  }

  /**
   * Answers at once when no read is needed, otherwise with a promise that never rejects. What is read after a deadline
   * is kept all the same.
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
    if (asOf < seen) throw new Failure("DATABASE_UNAVAILABLE", { cause: new Error("the database went back in time") });
    return batch.map(({ key }, index): Resolution => {
      const token = tokens[index];
      if (!token) return unknown;
      known?.keep(key, token, asOf);
      return { kind: "known", token };
    });
  }
}
