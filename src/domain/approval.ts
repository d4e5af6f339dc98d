import type { Approval } from "./token.js";

/*
 * The rules about who may approve a token: a person who was not involved in what is approved and gains nothing by the
 * approval (ASVS 2.3.5), neither now nor later. Names are those of audit events: `user:<id>`, `service:<name>`,
 * `token:<id>`. A call has several names when a user calls through a service.
 */

/** The names that are involved in a token. */
export interface Hands {
  /**
   * Names that created, widened, extended or rotated the token, or changed it while it was pending, since the last
   * approval. The next approval covers their work.
   */
  readonly contributors: readonly string[];
  /** Names that were shown a secret of the token that may still work. An approval does not change this list. */
  readonly holders: readonly string[];
}

export function handsOfMaker(names: readonly string[]): Hands {
  return { contributors: names, holders: names };
}

/**
 * Returns who is involved after an update. An update that neither widens the token nor changes a pending one is covered
 * by the last approval.
 */
export function handsAfterUpdate(
  { contributors, holders }: Hands,
  names: readonly string[],
  { wider, pending }: { readonly wider: boolean; readonly pending: boolean },
): Hands {
  return { contributors: wider || pending ? union(contributors, names) : contributors, holders };
}

/**
 * Returns who is involved after a rotation. `replacesHolders` is true when the new secret was shown to somebody else
 * and the old ones ended at once.
 */
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

/**
 * Returns whether a call with these names may approve. The creator and the subject of the token never may, even after
 * others have changed it.
 */
export function mayApprove(
  token: Hands & { readonly subject: string; readonly createdBy: string; readonly createdVia: string | undefined },
  names: readonly string[],
): boolean {
  const { subject, createdBy, createdVia, contributors, holders } = token;
  const involved = new Set([subject, createdBy, createdVia, ...contributors, ...holders]);
  return !names.some((name) => involved.has(name));
}

/**
 * Returns whether a call with these names may be shown a new secret of a token whose policy requires approval. The
 * approver may not, as long as the approval stands: every secret that works needs two people, in whatever order they
 * act.
 */
export function mayRotate(approval: Approval | undefined, names: readonly string[]): boolean {
  return approval?.state !== "approved" || !names.some((name) => name === approval.by || name === approval.via);
}

function union(names: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...names, ...more])];
}
