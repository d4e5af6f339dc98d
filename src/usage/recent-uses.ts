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
   * Between two writes for one secret, milliseconds. Default 50,000: with the time to the next write what is shown is
   * within a minute.
   */
  readonly intervalMs?: number;
  /** Secrets remembered. Default 100,000, about 30 MB. */
  readonly max?: number;
  /** Uses that are taken at once. Default 1,000, which is a few milliseconds of work. */
  readonly batch?: number;
}

interface RecentUse {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
  timeMs: number;
  address: Address | undefined;
  /** When it was last taken to be written. 0: it waits for that. */
  takenMs: number;
  /** The `timeMs` that is in the database. 0: none that is known. */
  storedMs: number;
}

/** When there is no room, so many are looked at for one that can be forgotten. */
const lookedAt = 20;

/**
 * Uses of secrets, so that each secret is written at once after a pause and then once an interval, however often it is
 * used.
 */
export class RecentUses {
  readonly #intervalMs: number;
  readonly #max: number;
  readonly #batch: number;
  /** In the order in which they were taken, and then those that wait. */
  readonly #uses = new Map<SecretId, RecentUse>();
  /** To be taken at once. */
  #waiting: RecentUse[] = [];
  #failed: RecentUse[] = [];

  constructor({ intervalMs = 50_000, max = 100_000, batch = 1_000 }: RecentUsesOptions = {}) {
    this.#intervalMs = intervalMs;
    this.#max = max;
    this.#batch = batch;
  }

  /** Notes a use. True: it is the first one after a pause. */
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

  /** Some of the first uses after a pause, to be written at once; none when there are no more. */
  takeFresh(nowMs: number): readonly TokenUse[] {
    return this.#waiting.splice(0, this.#batch).map((use) => this.#take(use, nowMs));
  }

  /**
   * The same of all uses that are due: those that are not stored, of secrets that nothing was written for within the
   * interval.
   */
  takeDue(nowMs: number): readonly TokenUse[] {
    return this.#takeOlderThan(nowMs - this.#intervalMs, nowMs);
  }

  /** The same of whatever is not stored, before the process ends. */
  takeAny(nowMs: number): readonly TokenUse[] {
    return this.#takeOlderThan(nowMs - 1, nowMs);
  }

  /** Marks the uses of these secrets as stored; the others stay queued until `retry`. */
  stored(uses: readonly TokenUse[], stored: ReadonlySet<SecretId>): void {
    for (const { secretId, time } of uses) {
      const use = this.#uses.get(secretId);
      if (!use) continue;
      if (stored.has(secretId)) use.storedMs = time.getTime();
      else this.#failed.push(use);
    }
  }

  /** Makes due at once what could not be stored. */
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

  /** One that is stored is only remembered to save a write. */
  #forgetOne(): boolean {
    let left = lookedAt;
    for (const [secretId, { timeMs, storedMs }] of this.#uses) {
      if (timeMs === storedMs) return this.#uses.delete(secretId);
      if (--left === 0) return false;
    }
    return false;
  }
}
