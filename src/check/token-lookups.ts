import { Failure } from "../domain/errors.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";

export interface TokenLookupsOptions {
  readonly store: Pick<TokenStore, "resolve">;
  /** Told how many digests each read asks for. */
  readonly onLookup?: ((digests: number) => void) | undefined;
}

/** A record, or that there is none, with the epoch of the snapshot that it was read from. */
export interface Found {
  readonly token: ResolvedToken | undefined;
  readonly asOf: number;
}

interface Wanted {
  readonly digest: Uint8Array;
  readonly found: Promise<Found>;
  readonly settle: (found: Found) => void;
  readonly fail: (failure: Failure) => void;
}

const maxInFlight = 4;
const maxBatch = 500;
const maxWaiting = 10_000;

/**
 * Look-ups of digests that are wanted at the same time become one read. Equal ones that have not been sent yet are one; whoever comes later starts
 * another read, since one already sent may be older than the call. Too many waiting are refused with OVERLOADED.
 */
export class TokenLookups {
  readonly #options: TokenLookupsOptions;
  readonly #waiting = new Map<string, Wanted>();
  #inFlight = 0;
  #scheduled = false;

  constructor(options: TokenLookupsOptions) {
    this.#options = options;
  }

  /** Rejects with a Failure. `key` names the digest. */
  find(key: string, digest: Uint8Array): Promise<Found> {
    const joined = this.#waiting.get(key);
    if (joined) return joined.found;
    if (this.#waiting.size >= maxWaiting) return Promise.reject(new Failure("OVERLOADED"));
    let settle: Wanted["settle"] = () => undefined;
    let fail: Wanted["fail"] = () => undefined;
    const found = new Promise<Found>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    this.#waiting.set(key, { digest, found, settle, fail });
    this.#schedule();
    return found;
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= maxInFlight || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const batch: Wanted[] = [];
    for (const [key, wanted] of this.#waiting) {
      if (batch.length === maxBatch) break;
      this.#waiting.delete(key);
      batch.push(wanted);
    }
    this.#inFlight++;
    // What did not fit goes beside it.
    this.#schedule();
    try {
      this.#options.onLookup?.(batch.length);
      const { tokens, asOf } = await this.#options.store.resolve(batch.map(({ digest }) => digest));
      for (const [index, { settle }] of batch.entries()) settle({ token: tokens[index], asOf });
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
      for (const { fail } of batch) fail(failure);
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }
}
