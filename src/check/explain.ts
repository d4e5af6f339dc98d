import type { Reason } from "../domain/reason.js";

/** A step of a decision with its result. */
export interface Step {
  /** The subject of the step, in a word or two. */
  readonly name: string;
  readonly verdict: "passed" | "refused" | "not reached";
}

/** The steps in their order, each with the reasons of its refusals. */
const steps: readonly { readonly name: string; readonly reasons: readonly Reason[] }[] = [
  { name: "form", reasons: ["TOKEN_MALFORMED"] },
  { name: "record", reasons: ["TOKEN_UNKNOWN"] },
  {
    name: "state and time",
    reasons: [
      "TOKEN_SUPERSEDED",
      "TOKEN_REVOKED",
      "TOKEN_SUSPENDED",
      "TOKEN_PENDING_APPROVAL",
      "TOKEN_NOT_YET_VALID",
      "TOKEN_EXPIRED",
      "SUBJECT_DISABLED",
    ],
  },
  { name: "network", reasons: ["NETWORK_NOT_ALLOWED"] },
  { name: "grant", reasons: ["NOT_GRANTED"] },
  { name: "policy", reasons: ["POLICY"] },
  { name: "OpenFGA", reasons: ["NOT_A_MEMBER", "NOT_PERMITTED"] },
];

/** The number of steps that need no action and resource. Introspect runs only these. */
export const stepsOfToken = 4;

/**
 * Returns the result of each step of a decision with this reason: the first step that refuses decides, and the steps
 * after it are not reached.
 */
export function explain(reason: Reason, taken = steps.length): readonly Step[] {
  const refused = steps.findIndex(({ reasons }) => reasons.includes(reason));
  return steps.map(({ name }, index) => {
    if (index === refused) return { name, verdict: "refused" };
    const reached = index < taken && (refused < 0 || index < refused);
    return { name, verdict: reached ? "passed" : "not reached" };
  });
}

/** The meaning of each reason, and what the holder or an administrator can do. */
export const meanings: Readonly<Record<Reason, string>> = {
  ALLOWED: "every step passed",
  TOKEN_MALFORMED: "the text is not a secret of this deployment; often it was cut off when it was copied",
  TOKEN_UNKNOWN: "the text has the right form, but was never issued here, or its token was deleted",
  TOKEN_EXPIRED: "the token has expired; create a new one",
  TOKEN_NOT_YET_VALID: "the token is not valid yet",
  TOKEN_REVOKED: "the token was revoked, its approval was denied or its subject was deleted; create a new one",
  TOKEN_SUSPENDED: "the token is suspended; it can be resumed",
  TOKEN_PENDING_APPROVAL: "the token waits for approval",
  TOKEN_SUPERSEDED: "this secret was replaced by a newer one; use that",
  SUBJECT_DISABLED: "the token's subject, or the organization that it is bound to, is disabled",
  NETWORK_NOT_ALLOWED: "the client address is unknown or outside the networks of the token or its policy",
  NOT_GRANTED: "the token's grant does not include this action on this resource",
  POLICY: "the current policy blocks the token or this action",
  NOT_PERMITTED: "OpenFGA says that the subject may not",
  NOT_A_MEMBER: "OpenFGA says that the subject is not a member of the organization that the token is bound to",
};
