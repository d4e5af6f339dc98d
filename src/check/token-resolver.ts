import { Failure } from "../failure/failure.js";
import type { ResolvedToken, TokenStore } from "../store/token-store.js";
import type { PepperRing } from "../token/pepper.js";
import { parseSecret } from "../token/secret.js";

/** What a text leads to. Only `known` and a failure cost a read. */
export type Resolution =
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly resolved: ResolvedToken }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface TokenResolverOptions {
  readonly brand: string;
  readonly peppers: PepperRing;
  readonly store: Pick<TokenStore, "resolve">;
  /** Told how many digests each read asks for. */
  readonly onLookup?: (digests: number) => void;
}

const malformed: Resolution = { kind: "malformed" };
const unknown: Resolution = { kind: "unknown" };

/**
 * From secret texts to token records. Malformed text and secrets whose tag fits no pepper are refused without a read, so that a flood of
 * guesses costs next to nothing; all others of one call share one read.
 */
export class TokenResolver {
  readonly #options: TokenResolverOptions;

  constructor(options: TokenResolverOptions) {
    this.#options = options;
  }

  /** One resolution for each text, in order. Never rejects. */
  async resolve(texts: readonly string[]): Promise<readonly Resolution[]> {
    const { brand, peppers, store, onLookup } = this.#options;
    const resolutions = new Array<Resolution>(texts.length).fill(unknown);
    const digests: Uint8Array[] = [];
    const positions: number[] = [];
    for (const [position, text] of texts.entries()) {
      const secret = parseSecret(text, brand);
      if (!secret) {
        resolutions[position] = malformed;
        continue;
      }
      const recognized = peppers.recognize(secret);
      if (!recognized) continue;
      digests.push(recognized.digest);
      positions.push(position);
    }
    if (digests.length === 0) return resolutions;
    onLookup?.(digests.length);
    try {
      const found = await store.resolve(digests);
      for (const [index, position] of positions.entries()) {
        const resolved = found[index];
        if (resolved) resolutions[position] = { kind: "known", resolved };
      }
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
      for (const position of positions) resolutions[position] = { kind: "failed", failure };
    }
    return resolutions;
  }
}
