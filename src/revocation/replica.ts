import { randomUUID } from "node:crypto";
import type { Lease, Now, Progress } from "./lease.js";
import type { Listening, Registration, RevocationStore } from "./revocation-store.js";

export interface ReplicaOptions {
  readonly store: RevocationStore;
  readonly lease: Lease;
  /** L, milliseconds, more than 0. */
  readonly leaseMs: number;
  readonly now: () => Now;
  /** Told of each change for better or worse: `undefined` is well. */
  readonly onProblem: (problem: ReplicaProblem | undefined) => void;
}

export type ReplicaProblem =
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: Exclude<Progress, "current" | "behind"> };

/** Hints that come closer together are taken as one, milliseconds. */
const hintSpacingMs = 5;
const renewalsPerLease = 5;

/** Keeps the lease of this process: registers, renews every fifth of it, takes up and acknowledges what changes on every hint, and leaves. */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #replicaId = randomUUID();
  #registration: Registration | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #hinted = false;
  #listening: Listening | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Whether changes of other replicas are heard of at once; without, they are at the next renewal. */
  get hinted(): boolean {
    return this.#listening?.hinted() ?? false;
  }

  /** Resolves when the first renewal has been answered or has failed: without a lease every Check reads the database. */
  async start(): Promise<void> {
    this.#listening = await this.#options.store.listen(() => this.hint());
    await this.#renewOnce();
    this.#running = this.#run();
  }

  /** Something has changed: take it up now. */
  hint(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  /** Gives the lease up, so that nobody waits for it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    await this.#listening?.stop();
    this.#options.lease.lost();
    // Otherwise the others wait once until it has run out.
    if (this.#registration) await this.#options.store.leave(this.#registration).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { leaseMs, lease, now } = this.#options;
    const everyMs = leaseMs / renewalsPerLease;
    let dueAt = now().monotonicMs + everyMs;
    while (!this.#stopped && !lease.halted) {
      if (!this.#hinted) await this.#pause(Math.max(dueAt - now().monotonicMs, 0));
      this.#hinted = false;
      if (this.#stopped) return;
      // Hints must not keep the renewal from its turn.
      if (now().monotonicMs < dueAt) await this.#hear();
      else {
        await this.#renewOnce();
        dueAt = now().monotonicMs + everyMs;
      }
      await this.#pause(Math.min(hintSpacingMs, everyMs), "spacing");
    }
  }

  /** Cheaper than a renewal, which waits for the disk: whoever revokes waits for this. */
  async #hear(): Promise<void> {
    const { store, lease, onProblem } = this.#options;
    if (!this.#registration) return this.#renewOnce();
    try {
      const progress = lease.heard(await store.news(lease.seen));
      if (progress === "history-lost") onProblem({ kind: progress });
      // Only after the drop: whoever reads it goes by it.
      if (progress !== "behind" || (await store.acknowledge(this.#registration, lease.seen))) return;
      lease.lost();
      this.#registration = undefined;
      await this.#renewOnce();
    } catch (error) {
      onProblem({ kind: "failed", error });
    }
  }

  async #renewOnce(): Promise<void> {
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
          // Taken up again at once; should that fail too, not before the next renewal.
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

  /** Ends early for a hint or a stop; one that spaces renewals only for a stop. */
  #pause(ms: number, kind?: "spacing"): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wake = () => {
        if (kind !== "spacing" || this.#stopped) end();
      };
    });
  }
}
