import type { TokenUse } from "../domain/last-use-store.js";
import type { Address } from "../domain/network.js";
import type { SecretId, TokenId } from "../domain/token.js";

/** The token and the secret that were used. */
export interface UsedToken {
  readonly id: TokenId;
  readonly secretId: SecretId;
}

export interface RecentUsesOptions {
  /**
   * Milliseconds between two writes for one secret. Default 50,000: with the time to the next write, the shown use is
   * at most a minute old.
   */
  readonly intervalMs?: number;
  /** The most secrets that are remembered. Default 100,000, about 30 MB. */
  readonly max?: number;
  /** The most uses that are taken at once. Default 1,000, which is a few milliseconds of work. */
  readonly batch?: number;
}

interface RecentUse {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
  timeMs: number;
  address: Address | undefined;
  /** When it was last taken to be written. 0: it waits to be taken. */
  takenMs: number;
  /** The `timeMs` that is in the database. 0: not known. */
  storedMs: number;
}

/** When there is no room, at most this many uses are checked for one that can be forgotten. */
const lookedAt = 20;

/**
 * Uses of secrets. Each secret is written at once after a pause, and then once per interval, however often it is used.
 */
export class RecentUses {
  readonly #intervalMs: number;
  readonly #max: number;
  readonly #batch: number;
  /** In the order in which they were taken; those that wait come last. */
  readonly #uses = new Map<SecretId, RecentUse>();
  /** First uses, to be taken at once. */
  #waiting: RecentUse[] = [];
  #failed: RecentUse[] = [];

  constructor({ intervalMs = 50_000, max = 100_000, batch = 1_000 }: RecentUsesOptions = {}) {
    this.#intervalMs = intervalMs;
    this.#max = max;
    this.#batch = batch;
  }

  /** Records a use. Returns true for the first one after a pause. */
  note({ id: tokenId, secretId }: UsedToken, address: Address | undefined, nowMs: number): boolean {
    const known = this.#uses.get(secretId);
    if (known) {
      known.timeMs = nowMs;
      known.address = address;
      return false;
    }
    if (this.#uses.size >= this.#max && !this.#forgetOne()) return false;
    const use: RecentUse = { tokenId, secretId, timeMs: nowMs, address, takenMs: 0, storedMs: 0 };
    this.#uses.set(secretId, use);
    this.#waiting.push(use);
    return true;
  }

  /** Takes some of the first uses after a pause, to be written at once; empty when there are no more. */
  takeFresh(nowMs: number): readonly TokenUse[] {
    return this.#waiting.splice(0, this.#batch).map((use) => this.#take(use, nowMs));
  }

  /** Takes some of the uses that are due: not stored, and of secrets without a write within the interval. */
  takeDue(nowMs: number): readonly TokenUse[] {
    return this.#takeOlderThan(nowMs - this.#intervalMs, nowMs);
  }

  /** Takes some of all uses that are not stored, before the process ends. */
  takeAny(nowMs: number): readonly TokenUse[] {
    return this.#takeOlderThan(nowMs - 1, nowMs);
  }

  /** Marks the uses of these secrets as stored; the others wait until `retry`. */
  stored(uses: readonly TokenUse[], stored: ReadonlySet<SecretId>): void {
    for (const { secretId, time } of uses) {
      const use = this.#uses.get(secretId);
      if (!use) continue;
      if (stored.has(secretId)) use.storedMs = time.getTime();
      else this.#failed.push(use);
    }
  }

  /** Makes the uses that could not be stored due at once. */
  retry(): void {
    this.#waiting = this.#waiting.concat(this.#failed);
    this.#failed = [];
  }

  #takeOlderThan(takenMs: number, nowMs: number): readonly TokenUse[] {
    const due = [...this.takeFresh(nowMs)];
    for (const [secretId, use] of this.#uses) {
      if (due.length >= this.#batch || use.takenMs > takenMs) break;
      if (use.timeMs === use.storedMs) this.#uses.delete(secretId);
      else due.push(this.#take(use, nowMs));
    }
    return due;
  }

  #take(use: RecentUse, nowMs: number): TokenUse {
    const { tokenId, secretId, timeMs, address } = use;
    use.takenMs = nowMs;
    this.#uses.delete(secretId);
    this.#uses.set(secretId, use);
    return { tokenId, secretId, time: new Date(timeMs), address: address?.toString() };
  }

  /** Forgets one use that is stored, which was only remembered to save a write. Returns whether it found one. */
  #forgetOne(): boolean {
    let left = lookedAt;
    for (const [secretId, { timeMs, storedMs }] of this.#uses) {
      if (timeMs === storedMs) return this.#uses.delete(secretId);
      if (--left === 0) return false;
    }
    return false;
  }
}
