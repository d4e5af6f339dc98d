import type { Hands } from "./approval.js";
import type { ActionName, ResourceName, SubjectName } from "./identifier.js";

/** `tok_` and 26 characters: a TypeID over a UUIDv7. Public: it looks up or revokes a token but never authenticates. */
export type TokenId = string & { readonly __brand: "TokenId" };
/** `sec_` and 26 characters. */
export type SecretId = string & { readonly __brand: "SecretId" };

/** `pat` acts as a user, `oat` as an organization. */
export type TokenKind = "pat" | "oat";

/**
 * `full` covers everything that the subject may do. Otherwise a single rule must cover both action and resource.
 * Without rules, nothing is granted.
 */
export type Grant = { readonly kind: "full" } | { readonly kind: "rules"; readonly rules: readonly Rule[] };

export interface Rule {
  /** Relations, or the single entry `*`. */
  readonly actions: readonly (ActionName | "*")[];
  /** `type:id`, `type:*`, or the single entry `*`. */
  readonly resources: readonly (ResourceName | `${string}:*` | "*")[];
}

export const revocationReasons = [
  "REQUESTED",
  "LEAKED",
  "SUBJECT_DELETED",
  "REUSE_DETECTED",
  "UNUSED",
  "ADMINISTRATIVE",
] as const;
export type RevocationReason = (typeof revocationReasons)[number];

/** Who revoked a token, when, and why. A revocation is final. */
export interface Revocation {
  readonly time: Date;
  readonly by: string;
  readonly reason: RevocationReason;
}

/** Who did something to a token, when, and with which comment. */
export interface Attribution {
  readonly by: string;
  readonly time: Date;
  /** Up to 500 characters. */
  readonly comment: string;
}

/** The ranks of callers, lowest first. A caller cannot undo what a caller of a higher rank did. */
export const ranks = ["holder", "organization", "deployment"] as const;
export type Rank = (typeof ranks)[number];

/** `pending` until a third person has decided; absent when no approval was required. */
export type Approval = { readonly state: "pending" } | ({ readonly state: "approved" | "denied" } & ApprovalDecision);

/** Who approved or denied, and the service that the person called through, if any. */
export interface ApprovalDecision extends Attribution {
  readonly via?: string;
}

/** The facts that an approval was about, which decide what a token may do, and the decision. */
export interface ApprovedFacts
  extends Pick<TokenRecord, "grant" | "allowedCidrs" | "notBefore" | "expireTime" | "selfRotate"> {
  readonly decision: ApprovalDecision;
}

/** A suspension, with the rank of the caller who suspended. */
export interface Suspension extends Attribution {
  readonly rank: Rank;
}

/** Returns the organization that a token is bound to or acts as. */
export function organizationOf({
  kind,
  subject,
  organization,
}: Pick<TokenRecord, "kind" | "subject" | "organization">): SubjectName | undefined {
  return kind === "oat" ? subject : organization;
}

/**
 * The stored facts of a token. States and verdicts are derived at use, so tokens end on time without background jobs.
 */
export interface TokenRecord extends Hands {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  /**
   * The generation of the subject that the token belongs to. A deleted subject that is enabled again starts a new one.
   */
  readonly generation: number;
  /** The organization that a user token is bound to ("alice, for acme"), if any. It never changes. */
  readonly organization: SubjectName | undefined;
  readonly name: string;
  readonly description: string;
  /** Why the token is needed, for the person who approves it. */
  readonly justification: string;
  readonly grant: Grant;
  /** CIDR ranges in canonical text; empty means any network. */
  readonly allowedCidrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
  readonly createTime: Date;
  /** The creator: `user:<id>` or `service:<name>`. */
  readonly createdBy: string;
  /** The `service:<name>` that the creator called through, if any. */
  readonly createdVia: string | undefined;
  readonly notBefore: Date | undefined;
  /** Undefined means never expires. */
  readonly expireTime: Date | undefined;
  /**
   * Whether a change ended the token at once: it is expired on every replica, whatever the replica's clock says.
   * Cleared when the lifetime is extended.
   */
  readonly expired: boolean;
  /** Whether its holder may rotate it with the token itself, where policy allows. */
  readonly selfRotate: boolean;
  readonly approval: Approval | undefined;
  /** The last approval. It stays while the token waits for the next one. */
  readonly approved: ApprovedFacts | undefined;
  readonly suspension: Suspension | undefined;
  readonly revocation: Revocation | undefined;
  /** Counts the changes that an etag covers. */
  readonly revision: number;
}

/** The stored facts of one secret of a token. */
export interface SecretRecord {
  readonly id: SecretId;
  readonly hint: string;
  readonly createTime: Date;
  readonly pepperVersion: number;
  /** When the secret was or will be superseded; undefined while it is the current one. */
  readonly retireTime: Date | undefined;
  /**
   * Whether the secret was superseded at once and for good, on every replica, whatever the replica's clock says.
   * `retireTime` is then only for display.
   */
  readonly ended: boolean;
}

/** A token as management calls show it: with its secrets, newest first. */
export interface TokenWithSecrets extends TokenRecord {
  readonly secrets: readonly SecretRecord[];
}

/** Returns the secret that was minted last and has not been superseded. */
export function currentSecret({ secrets }: TokenWithSecrets): SecretRecord | undefined {
  return secrets.find(({ retireTime }) => retireTime === undefined);
}
