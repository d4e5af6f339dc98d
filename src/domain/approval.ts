import type { Approval } from "./token.js";

/*
 * Who may approve a token: somebody who had no hand in what is approved, and who gains nothing by it (ASVS 2.3.5),
 * neither then nor later. Names are those of audit events: `user:<id>`, `service:<name>`, `token:<id>`. A call has
 * several when a service stood between.
 */

/** Who had a hand in a token. */
export interface Hands {
  /**
   * Who made, widened, prolonged or rotated it, or changed it while it waited, since the last approval: the next one
   * covers their work.
   */
  readonly contributors: readonly string[];
  /** Who was shown a secret of it that may still work. An approval does not change that. */
  readonly holders: readonly string[];
}

export function handsOfMaker(names: readonly string[]): Hands {
  return { contributors: names, holders: names };
}

/**
 * After a change of what an approver sees. One that neither widens nor meets a token that waits was covered by the last
 * approval.
 */
export function handsAfterUpdate(
  { contributors, holders }: Hands,
  names: readonly string[],
  { wider, pending }: { readonly wider: boolean; readonly pending: boolean },
): Hands {
  return { contributors: wider || pending ? union(contributors, names) : contributors, holders };
}

/** After a rotation. `replacesHolders`: somebody else was shown the new secret, and the old ones ended at once. */
export function handsAfterRotation(
  { contributors, holders }: Hands,
  names: readonly string[],
  replacesHolders: boolean,
): Hands {
  return { contributors: union(contributors, names), holders: replacesHolders ? names : union(holders, names) };
}

export function handsAfterApproval({ holders }: Hands): Hands {
  return { contributors: [], holders };
}

/** Whether a call of these names may approve. Its maker and subject never may, even after others have changed it. */
export function mayApprove(
  token: Hands & { readonly subject: string; readonly createdBy: string; readonly createdVia: string | undefined },
  names: readonly string[],
): boolean {
  const { subject, createdBy, createdVia, contributors, holders } = token;
  const involved = new Set([subject, createdBy, createdVia, ...contributors, ...holders]);
  return !names.some((name) => involved.has(name));
}

/**
 * Whether a call of these names may be shown a new secret of a token whose policy asks for approval. Who approved it
 * may not, as long as the approval stands: two must be behind a secret that works, in whatever order they act.
 */
export function mayRotate(approval: Approval | undefined, names: readonly string[]): boolean {
  return approval?.state !== "approved" || !names.some((name) => name === approval.by || name === approval.via);
}

function union(names: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...names, ...more])];
}
