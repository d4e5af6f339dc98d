import type { AuditEvent } from "./audit-event.js";
import type { Policy } from "./policy.js";

/** A policy with the count of its changes, which never comes back; 0: nobody has set it, or it was deleted. */
export interface StoredPolicyRecord {
  readonly scope: string;
  readonly policy: Policy;
  readonly revision: number;
}

/** Policies by scope. */
export interface PolicyStore {
  /** One that nobody has set sets no limit. */
  get(scope: string): Promise<StoredPolicyRecord>;
  /** All that say `revokeUnusedAfterMs`. */
  listWithUnusedLimit(): Promise<readonly StoredPolicyRecord[]>;
  /** `decide` sees the policy under its lock; undefined changes nothing. */
  change(
    scope: string,
    now: Date,
    decide: (current: StoredPolicyRecord) => PolicyChange | undefined,
  ): Promise<StoredPolicyRecord>;
}

export interface PolicyChange {
  /** Undefined deletes it. */
  readonly policy: Policy | undefined;
  readonly event: AuditEvent;
}
