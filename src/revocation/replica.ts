import { randomUUID } from "node:crypto";
import { Loop } from "../async/loop.js";
import type { Lease, Now, Progress } from "./lease.js";
import type { Acknowledgement, Listening, Registration, RevocationStore } from "./revocation-store.js";

export interface ReplicaOptions {
  readonly store: RevocationStore;
  readonly lease: Lease;
  /** L, milliseconds, more than 0. */
  readonly leaseMs: number;
  readonly now: () => Now;
  /** Called when a replica, this one included, has acknowledged a change of this process. */
  readonly onAcknowledged: () => void;
  /** Called when the lease becomes unhealthy, or healthy again (undefined). */
  readonly onProblem: (problem: ReplicaProblem | undefined) => void;
}

export type ReplicaProblem =
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: Exclude<Progress, "current" | "behind"> };

/** Notifications that come closer together than this are handled as one, milliseconds. */
const spacingMs = 5;
const renewalsPerLease = 5;

/**
 * Keeps the lease of this process: registers, renews five times per lease, applies and acknowledges changes when it is
 * notified, and leaves.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #replicaId = randomUUID();
  readonly #loop: Loop;
  /** Instant of the monotonic clock. */
  #renewAt = 0;
  #registration: Registration | undefined;
  #listening: Listening | undefined;
  /** Whether another replica may wait for an acknowledgement. */
  #awaited = false;
  /** The number of changes of this process that are being confirmed. */
  #confirming = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    const pauseMs = () => (options.lease.halted ? Number.POSITIVE_INFINITY : this.#renewAt - options.now().monotonicMs);
    this.#loop = new Loop(() => this.#turn(), pauseMs, { spacingMs });
  }

  /** Whether notifications arrive; without them, changes of other replicas are applied at the next renewal. */
  get notified(): boolean {
    return this.#listening?.notified() ?? false;
  }

  /**
   * Resolves when the first renewal has been answered or has failed: without a lease every Check reads the database.
   */
  async start(): Promise<void> {
    const { store, onAcknowledged } = this.#options;
    const onChange = (own: boolean) => {
      if (!own) this.#awaited = true;
      this.sync();
    };
    this.#listening = await store.listen(onChange, onAcknowledged);
    await this.#loop.startNow();
  }

  /** Applies changes now. */
  sync(): void {
    this.#loop.wake();
  }

  /** Returns what this replica has applied; undefined when no revoker waits for it. */
  get acknowledgement(): Acknowledgement | undefined {
    return this.#registration && { ...this.#registration, seen: this.#options.lease.seen };
  }

  /** Runs the confirmation of a change of this process, which acknowledges for this replica. */
  async whileConfirming(confirm: () => Promise<void>): Promise<void> {
    this.#confirming++;
    try {
      await confirm();
    } finally {
      this.#confirming--;
    }
  }

  /** Ends the lease, so that no revoker waits for it. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#listening?.stop();
    this.#options.lease.lost();
    // Without this, each revoker would wait until the lease has run out.
    if (this.#registration) await this.#options.store.leave(this.#registration).catch(() => undefined);
  }

  async #turn(): Promise<void> {
    const { lease, now } = this.#options;
    if (lease.halted) return;
    // Notifications must not delay the renewal.
    if (now().monotonicMs < this.#renewAt) await this.#catchUp();
    else {
      await this.#renew();
      this.#renewAt = now().monotonicMs + this.#options.leaseMs / renewalsPerLease;
    }
  }

  /** Reads and acknowledges changes. Cheaper than a renewal, which waits for the disk: a revocation waits for this. */
  async #catchUp(): Promise<void> {
    const { store, lease, onAcknowledged, onProblem } = this.#options;
    if (!this.#registration) return this.#renew();
    try {
      const awaited = this.#awaited;
      this.#awaited = false;
      const progress = lease.apply(await store.changesSince(lease.seen));
      if (progress === "history-lost") return onProblem({ kind: progress });
      if (!awaited && progress === "current") return;
      if (!awaited && this.#confirming > 0) return onAcknowledged();
      // Only after the drop: a revocation depends on this order.
      if (await store.acknowledge(this.#registration, lease.seen)) return;
      lease.lost();
      this.#registration = undefined;
      await this.#renew();
    } catch (error) {
      onProblem({ kind: "failed", error });
    }
  }

  async #renew(): Promise<void> {
    const { store, lease, leaseMs, now, onProblem } = this.#options;
    try {
      for (;;) {
        if (!this.#registration) {
          const registration = { replicaId: this.#replicaId, incarnation: randomUUID() };
          await store.register(registration, leaseMs);
          this.#registration = registration;
        }
        const sent = now();
        const renewal = await store.renew(this.#registration, lease.seen);
        if (!renewal) {
          lease.lost();
          this.#registration = undefined;
          // Registers again at once. If that also fails, the next attempt is at the next renewal.
          continue;
        }
        const progress = lease.renewed(sent, renewal, now());
        if (progress === "behind") continue;
        onProblem(progress === "current" ? undefined : { kind: progress });
        return;
      }
    } catch (error) {
      onProblem({ kind: "failed", error });
    }
  }
}
