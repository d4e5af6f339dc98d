import { byDeadline } from "../async/deadlines.js";
import { Failure } from "../domain/errors.js";
import type { PepperRing } from "../domain/pepper.js";
import { parseSecret, type SecretText, sha256Of } from "../domain/secret.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";
import { TokenLookups } from "./token-lookups.js";

/** What a text leads to. Only `known` and a failure may cost a read. */
export type Resolution =
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly token: ResolvedToken }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Records that were read before and may be served without a read. */
export interface KnownTokens {
  /** By the SHA-256 of a secret. Undefined: it must be read. */
  get(sha256: string): ResolvedToken | undefined;
  /** Offers a record out of the snapshot of an epoch. */
  keep(sha256: string, token: ResolvedToken, asOf: number): void;
  /** No read that is sent now may come out of an older epoch. */
  readonly seen: number;
}

export interface TokenResolverOptions {
  readonly brand: string;
  readonly peppers: PepperRing;
  readonly store: Pick<TokenStore, "resolve">;
  /** Absent: every token is read every time. */
  readonly known?: KnownTokens;
  /** Told how many digests each read asks for. */
  readonly onLookup?: (digests: number) => void;
}

const malformed: Resolution = { kind: "malformed" };
const unknown: Resolution = { kind: "unknown" };
const late = (): Resolution => ({ kind: "failed", failure: new Failure("DEADLINE_EXCEEDED") });

/**
 * From secret texts to token records. Malformed text and secrets whose tag fits no pepper are refused without a read, so that a flood of
 * guesses costs next to nothing; what is known is served without one, and reads that are wanted at the same time are one.
 */
export class TokenResolver {
  readonly #options: TokenResolverOptions;
  readonly #lookups: TokenLookups;

  constructor(options: TokenResolverOptions) {
    this.#options = options;
    this.#lookups = new TokenLookups({ store: options.store, onLookup: options.onLookup });
  }

  /**
   * At once when no read is needed, otherwise a promise that never rejects. `deadline`, an instant of `performance.now()`: who waits longer is told
   * DEADLINE_EXCEEDED, and what is found later is kept all the same.
   */
  resolve(text: string, deadline?: number): Resolution | Promise<Resolution> {
    const secret = parseSecret(text, this.#options.brand);
    if (!secret) return malformed;
    const sha256 = sha256Of(text);
    const token = this.#options.known?.get(sha256);
    return token ? { kind: "known", token } : this.#read(secret, sha256, deadline);
  }

  #read(secret: SecretText, sha256: string, deadline: number | undefined): Resolution | Promise<Resolution> {
    const recognized = this.#options.peppers.recognize(secret);
    return recognized ? byDeadline(this.#find(recognized.digest, sha256), deadline, late) : unknown;
  }

  async #find(digest: Uint8Array, sha256: string): Promise<Resolution> {
    const { known } = this.#options;
    const seen = known?.seen ?? 0;
    try {
      const { token, asOf } = await this.#lookups.find(sha256, digest);
      if (asOf < seen)
        throw new Failure("DATABASE_UNAVAILABLE", { cause: new Error("the database went back in time") });
      if (!token) return unknown;
      known?.keep(sha256, token, asOf);
      return { kind: "known", token };
    } catch (error) {
      return { kind: "failed", failure: error instanceof Failure ? error : new Failure("INTERNAL", { cause: error }) };
    }
  }
}
