import type { Changes, Renewal, RevocationChange, Touched } from "./revocation-store.js";
import { leaseMarginMs, maxChanges } from "./revocation-store.js";

/** What a replica reads before it goes on: its monotonic clock and the wall clock, milliseconds. */
export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Cached records are under these names: a change that touches one of them drops them. */
export interface Names {
  readonly tokenId: string;
  /** Subject, and organization if any. */
  readonly subjects: readonly string[];
  /** Scopes of the policies that hold for it. */
  readonly scopes: readonly string[];
}

export interface LeaseOptions {
  /** L, milliseconds. 0: there is never a lease. */
  readonly leaseMs: number;
  /** Drops what is cached under what was touched, before it returns. */
  readonly drop: (touched: readonly Touched[]) => void;
  /** Changes remembered; of older ones only the epoch is. Default 10,000. */
  readonly maxRemembered?: number;
}

/**
 * The result of applying changes or a renewal: `behind` means that there were changes, which must be acknowledged at
 * once.
 */
export type Progress = "current" | "behind" | "history-lost" | "clock-stopped";

/**
 * The wall clock may drift from the monotonic one by so much in one lease, milliseconds; more means that a clock was
 * set or stood still. Below `leaseMarginMs`, which covers what is not noticed.
 */
const maxDriftMs = 250;
/** How long a replica whose machine stood still reads the database, milliseconds. */
const distrustMs = 10 * 60_000;

const everything: readonly Touched[] = [{ kind: "everything", key: "" }];

/**
 * What one replica knows of revocations, and until when it may serve what it has cached: the steps of the lease
 * protocol, without I/O. A revoker waits until every replica has acknowledged, or its lease must have run out; so a
 * replica must never serve after `leaseUntil`, which counts from before the renewal was sent, and must drop what a
 * change touched before it says so.
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
  /** The newest epoch of which nothing more is remembered: what was read before it is not kept. */
  #floor = Number.POSITIVE_INFINITY;
  #last: { readonly sentAt: number; readonly databaseTimeMs: number } | undefined;
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  #halted = false;

  constructor({ leaseMs, drop, maxRemembered = 10_000 }: LeaseOptions) {
    this.#leaseMs = leaseMs;
    this.#drop = drop;
    this.#maxRemembered = maxRemembered;
  }

  /** The epoch that the replica has acted upon; 0 before the first renewal. */
  get seen(): number {
    return this.#seen ?? 0;
  }

  /** Milliseconds left; not above 0 without a lease. */
  remainingMs(now: Now): number {
    return this.isLive(now) ? this.#leaseUntil - now.monotonicMs : 0;
  }

  /** Whether history was lost: no lease any more until the process is started again. */
  get halted(): boolean {
    return this.#halted;
  }

  /** Whether what is cached may be served. To be asked before the cache is read, in the same turn. */
  isLive({ monotonicMs, wallMs }: Now): boolean {
    if (monotonicMs >= this.#leaseUntil) return false;
    if (Math.abs(wallMs - monotonicMs - this.#wallOffset) <= maxDriftMs) return true;
    this.#leaseUntil = Number.NEGATIVE_INFINITY;
    return false;
  }

  /** Applies changes. They give no lease: only a renewal does, because it writes the row that revokers look at. */
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

  /** Applies the changes of a renewal, and takes the lease. `sent`: the clocks before it was sent. */
  renewed(sent: Now, renewal: Renewal, now: Now): Progress {
    const progress = this.apply(renewal);
    if (progress === "history-lost") return progress;
    const { epoch, databaseTimeMs } = renewal;
    const last = this.#last;
    this.#last = { sentAt: sent.monotonicMs, databaseTimeMs };
    // The database cannot have seen more time pass than we did from before the last statement until after this one,
    // unless we stood still.
    if (last && databaseTimeMs - last.databaseTimeMs > now.monotonicMs - last.sentAt + leaseMarginMs) {
      this.#distrustedUntil = now.monotonicMs + distrustMs;
      this.#leaseUntil = Number.NEGATIVE_INFINITY;
      this.#forget(epoch);
      return "clock-stopped";
    }
    if (now.monotonicMs >= this.#distrustedUntil) {
      this.#leaseUntil = Math.max(this.#leaseUntil, sent.monotonicMs + this.#leaseMs);
      // Not that of now: the machine may have been suspended with the answer on its way, and this lease then is over.
      this.#wallOffset = sent.wallMs - sent.monotonicMs;
    }
    return progress;
  }

  /** The registration is gone: revokers no longer wait for this replica. */
  lost(): void {
    this.#leaseUntil = Number.NEGATIVE_INFINITY;
    this.#seen = undefined;
    this.#last = undefined;
    this.#forget(Number.POSITIVE_INFINITY);
  }

  /**
   * Whether a record that was read out of the snapshot of an epoch may be cached: nothing that has been dropped since
   * is in it.
   */
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

/** Whether the list was not cut off and has every epoch from after `seen` up to `epoch`. */
function coversAll(changes: readonly RevocationChange[], seen: number, epoch: number): boolean {
  if (changes.length > maxChanges) return false;
  return new Set(changes.map((change) => change.epoch)).size === epoch - seen;
}
