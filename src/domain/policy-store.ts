import type { AuditEvent } from "./audit-event.js";
import type { Policy } from "./policy.js";

/** A policy with its revision. No revision is used twice; 0 means that the policy was never set or was deleted. */
export interface StoredPolicyRecord {
  readonly scope: string;
  readonly policy: Policy;
  readonly revision: number;
}

/** Policies by scope. */
export interface PolicyStore {
  /** Returns a policy without limits when none is set. */
  get(scope: string): Promise<StoredPolicyRecord>;
  /** Lists the policies that set `revokeUnusedAfterMs`. */
  listWithUnusedLimit(): Promise<readonly StoredPolicyRecord[]>;
  /** Locks the policy, reads it, and makes the change that `decide` returns; undefined changes nothing. */
  change(
    scope: string,
    now: Date,
    decide: (current: StoredPolicyRecord) => PolicyChange | undefined,
  ): Promise<StoredPolicyRecord>;
}

export interface PolicyChange {
  /** The new policy; undefined deletes it. */
  readonly policy: Policy | undefined;
  /** Committed with the change. */
  readonly event: AuditEvent;
}
