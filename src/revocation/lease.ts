import type { Changes, Renewal, RevocationChange, Touched } from "./revocation-store.js";
import { leaseMarginMs, maxChanges } from "./revocation-store.js";

/** The clocks that a replica reads before each step: its monotonic clock and the wall clock, milliseconds. */
export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** The names of a cached record: a change that touches one of them drops the record. */
export interface Names {
  readonly tokenId: string;
  /** Subject, and organization if any. */
  readonly subjects: readonly string[];
  /** Scopes of the policies that apply to the record. */
  readonly scopes: readonly string[];
}

export interface LeaseOptions {
  /** L, milliseconds. 0: there is never a lease. */
  readonly leaseMs: number;
  /** Drops cached records that one of these changes names, before it returns. */
  readonly drop: (touched: readonly Touched[]) => void;
  /** The most changes that are remembered; of older ones only the newest epoch is known. Default 10,000. */
  readonly maxRemembered?: number;
}

/** The result of applying changes or a renewal. `behind`: there were changes, which must be acknowledged at once. */
export type Progress = "current" | "behind" | "history-lost" | "clock-stopped";

/**
 * How far the wall clock may drift from the monotonic one in one lease, milliseconds. More means that a clock was set
 * or stood still. Below `leaseMarginMs`, which covers smaller, unnoticed drifts.
 */
const maxDriftMs = 250;
/** How long a replica reads the database after its machine stood still, milliseconds. */
const distrustMs = 10 * 60_000;

const everything: readonly Touched[] = [{ kind: "everything", key: "" }];

/**
 * The revocations that one replica knows, and the instant until which it may serve cached records: the steps of the
 * lease protocol, without I/O. A revoker waits until each replica has acknowledged the change or its lease must have
 * run out. So a replica must never serve after `leaseUntil`, which counts from before the renewal was sent. It must
 * drop what a change touched before it acknowledges the change.
 */
export class Lease {
  readonly #leaseMs: number;
  readonly #drop: LeaseOptions["drop"];
  readonly #maxRemembered: number;
  /** Undefined until the first renewal of a registration has been answered. */
  #seen: number | undefined;
  #nonce = "";
  #leaseUntil = Number.NEGATIVE_INFINITY;
  /** Wall clock minus monotonic clock before the last renewal was sent. */
  #wallOffset = 0;
  /** Epoch of the last change of each thing, oldest first. */
  readonly #remembered = new Map<string, number>();
  /** The newest epoch whose changes are no longer remembered: a record that was read before it is not kept. */
  #floor = Number.POSITIVE_INFINITY;
  #last: { readonly sentAt: number; readonly databaseTimeMs: number } | undefined;
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  #halted = false;

  constructor({ leaseMs, drop, maxRemembered = 10_000 }: LeaseOptions) {
    this.#leaseMs = leaseMs;
    this.#drop = drop;
    this.#maxRemembered = maxRemembered;
  }

  /** The newest epoch that the replica has applied; 0 before the first renewal. */
  get seen(): number {
    return this.#seen ?? 0;
  }

  /** Returns the milliseconds left; not above 0 without a lease. */
  remainingMs(now: Now): number {
    return this.isLive(now) ? this.#leaseUntil - now.monotonicMs : 0;
  }

  /** Whether history was lost: then there is no lease until the process is restarted. */
  get halted(): boolean {
    return this.#halted;
  }

  /**
   * Returns whether cached records may be served. Call it before the cache is read, in the same turn of the event loop.
   */
  isLive({ monotonicMs, wallMs }: Now): boolean {
    if (monotonicMs >= this.#leaseUntil) return false;
    if (Math.abs(wallMs - monotonicMs - this.#wallOffset) <= maxDriftMs) return true;
    this.#leaseUntil = Number.NEGATIVE_INFINITY;
    return false;
  }

  /** Applies changes. They give no lease: only a renewal does, because it writes the row that revokers read. */
  apply({ epoch, nonce, changes }: Changes): Exclude<Progress, "clock-stopped"> {
    if (this.#halted) return "history-lost";
    const seen = this.#seen;
    if (seen !== undefined && (epoch < seen || (epoch === seen && nonce !== this.#nonce))) {
      this.#halted = true;
      this.lost();
      return "history-lost";
    }
    const behind = seen === undefined || epoch > seen;
    if (seen === undefined || !coversAll(changes, seen, epoch)) this.#forget(epoch);
    else if (behind) this.#take(changes);
    this.#seen = epoch;
    this.#nonce = nonce;
    return behind ? "behind" : "current";
  }

  /** Applies the changes of a renewal and takes the lease. `sent`: the clocks before it was sent. */
  renewed(sent: Now, renewal: Renewal, now: Now): Progress {
    const progress = this.apply(renewal);
    if (progress === "history-lost") return progress;
    const { epoch, databaseTimeMs } = renewal;
    const last = this.#last;
    this.#last = { sentAt: sent.monotonicMs, databaseTimeMs };
    // From before the last statement until after this one, less time passed for the database than for us, unless this
    // machine stood still.
    if (last && databaseTimeMs - last.databaseTimeMs > now.monotonicMs - last.sentAt + leaseMarginMs) {
      this.#distrustedUntil = now.monotonicMs + distrustMs;
      this.#leaseUntil = Number.NEGATIVE_INFINITY;
      this.#forget(epoch);
      return "clock-stopped";
    }
    if (now.monotonicMs >= this.#distrustedUntil) {
      this.#leaseUntil = Math.max(this.#leaseUntil, sent.monotonicMs + this.#leaseMs);
      // Not the offset of `now`: the machine may have been suspended while the answer was on its way, and then this
      // lease is over.
      this.#wallOffset = sent.wallMs - sent.monotonicMs;
    }
    return progress;
  }

  /** Called when the registration is gone: revokers no longer wait for this replica. */
  lost(): void {
    this.#leaseUntil = Number.NEGATIVE_INFINITY;
    this.#seen = undefined;
    this.#last = undefined;
    this.#forget(Number.POSITIVE_INFINITY);
  }

  /** Returns whether a record of epoch `asOf` may be cached: no change since then names it. */
  mayKeep({ tokenId, subjects, scopes }: Names, asOf: number): boolean {
    return (
      asOf >= this.#floor &&
      this.#unchanged("token", tokenId, asOf) &&
      subjects.every((subject) => this.#unchanged("subject", subject, asOf)) &&
      scopes.every((scope) => this.#unchanged("policy", scope, asOf))
    );
  }

  #unchanged(kind: Touched["kind"], key: string, asOf: number): boolean {
    const changed = this.#remembered.get(`${kind} ${key}`);
    return changed === undefined || changed <= asOf;
  }

  #take(changes: readonly RevocationChange[]): void {
    this.#drop(changes);
    for (const { kind, key, epoch } of changes) {
      if (kind === "everything") {
        this.#forget(epoch);
        continue;
      }
      const name = `${kind} ${key}`;
      this.#remembered.delete(name);
      this.#remembered.set(name, epoch);
    }
    for (const [name, epoch] of this.#remembered) {
      if (this.#remembered.size <= this.#maxRemembered) break;
      this.#remembered.delete(name);
      this.#floor = Math.max(this.#floor, epoch);
    }
  }

  #forget(upTo: number): void {
    this.#drop(everything);
    this.#remembered.clear();
    this.#floor = upTo;
  }
}

/** Returns whether the list was not cut off and has every epoch from after `seen` up to `epoch`. */
function coversAll(changes: readonly RevocationChange[], seen: number, epoch: number): boolean {
  if (changes.length > maxChanges) return false;
  return new Set(changes.map((change) => change.epoch)).size === epoch - seen;
}
