import type { TokenUse } from "../store/last-use-store.js";
import type { Address } from "../token/network.js";
import type { SecretId, TokenId } from "../token/token.js";

/** The token and the secret that were used. */
export interface UsedToken {
  readonly id: TokenId;
  readonly secretId: SecretId;
}

export interface RecentUsesOptions {
  /** Between two writes for one secret, milliseconds. Default 50,000: with the time to the next write what is shown is within a minute. */
  readonly intervalMs?: number;
  /** Secrets remembered. Default 100,000, about 20 MB. */
  readonly max?: number;
}

interface RecentUse {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
  timeMs: number;
  address: Address | undefined;
  /** When it was last handed out to be written. 0: never, or in vain. */
  handedOutMs: number;
  /** The `timeMs` that is in the database. 0: none that is known. */
  storedMs: number;
}

/** Uses of secrets, so that each secret is written at once after a pause and then once an interval, however often it is used. */
export class RecentUses {
  readonly #intervalMs: number;
  readonly #max: number;
  /** What was stored last comes last. */
  readonly #uses = new Map<SecretId, RecentUse>();
  #fresh: RecentUse[] = [];

  constructor({ intervalMs = 50_000, max = 100_000 }: RecentUsesOptions = {}) {
    this.#intervalMs = intervalMs;
    this.#max = max;
  }

  /** Notes a use. True: it is the first one after a pause. */
  note({ id: tokenId, secretId }: UsedToken, address: Address | undefined, nowMs: number): boolean {
    const known = this.#uses.get(secretId);
    if (known) {
      known.timeMs = nowMs;
      known.address = address;
      return false;
    }
    if (this.#uses.size >= this.#max && !this.#forgetOldest()) return false;
    const use: RecentUse = { tokenId, secretId, timeMs: nowMs, address, handedOutMs: 0, storedMs: 0 };
    this.#uses.set(secretId, use);
    this.#fresh.push(use);
    return true;
  }

  /** The first uses after a pause, to be written at once. */
  takeFresh(nowMs: number): readonly TokenUse[] {
    const fresh = this.#fresh.map((use) => handOut(use, nowMs));
    this.#fresh = [];
    return fresh;
  }

  /** Uses that are not stored, of secrets that nothing was written for within the interval. */
  takeDue(nowMs: number): readonly TokenUse[] {
    return this.#take(nowMs, this.#intervalMs);
  }

  /** Whatever is not stored, before the process ends. */
  takeAll(nowMs: number): readonly TokenUse[] {
    return this.#take(nowMs, 0);
  }

  /** Of uses that were taken these secrets' are in the database; the others are due again. */
  stored(uses: readonly TokenUse[], stored: ReadonlySet<SecretId>): void {
    for (const { secretId, time } of uses) {
      const use = this.#uses.get(secretId);
      if (!use) continue;
      if (!stored.has(secretId)) {
        use.handedOutMs = 0;
        continue;
      }
      use.storedMs = time.getTime();
      this.#uses.delete(secretId);
      this.#uses.set(secretId, use);
    }
  }

  #take(nowMs: number, intervalMs: number): readonly TokenUse[] {
    this.#fresh = [];
    const due: TokenUse[] = [];
    for (const [secretId, use] of this.#uses) {
      if (nowMs - use.handedOutMs < intervalMs) continue;
      if (use.timeMs === use.storedMs) this.#uses.delete(secretId);
      else due.push(handOut(use, nowMs));
    }
    return due;
  }

  /** One that is stored is only remembered to save a write. */
  #forgetOldest(): boolean {
    for (const [secretId, { timeMs, storedMs }] of this.#uses)
      return timeMs === storedMs && this.#uses.delete(secretId);
    return false;
  }
}

function handOut(use: RecentUse, nowMs: number): TokenUse {
  use.handedOutMs = nowMs;
  const { tokenId, secretId, timeMs, address } = use;
  return { tokenId, secretId, time: new Date(timeMs), address: address?.toString() };
}
