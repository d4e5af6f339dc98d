import type { Hands } from "./approval.js";
import type { ActionName, ResourceName, SubjectName } from "./identifier.js";

/** `tok_` and 26 characters: a TypeID over a UUIDv7. Public; it looks up and revokes but never authenticates. */
export type TokenId = string & { readonly __brand: "TokenId" };
/** `sec_` and 26 characters. */
export type SecretId = string & { readonly __brand: "SecretId" };

/** `pat` acts as a user, `oat` as an organization. */
export type TokenKind = "pat" | "oat";

/**
 * `full`: whatever the subject may do. Otherwise some rule must hold both action and resource; no rules grant nothing.
 */
export type Grant = { readonly kind: "full" } | { readonly kind: "rules"; readonly rules: readonly Rule[] };

export interface Rule {
  /** Relations, or the single entry `*`. */
  readonly actions: readonly (ActionName | "*")[];
  /** `type:id`, `type:*`, or the single entry `*`. */
  readonly resources: readonly (ResourceName | `${string}:*` | "*")[];
}

export type RevocationReason =
  | "REQUESTED"
  | "LEAKED"
  | "SUBJECT_DELETED"
  | "REUSE_DETECTED"
  | "UNUSED"
  | "ADMINISTRATIVE";

/** Who revoked a token, when, and why. Final. */
export interface Revocation {
  readonly time: Date;
  readonly by: string;
  readonly reason: RevocationReason;
}

/** Who did something to a token, when, and what they said. */
export interface Attribution {
  readonly by: string;
  readonly time: Date;
  /** Up to 500 characters. */
  readonly comment: string;
}

/** How far a caller's word reaches; nobody undoes what somebody of a higher rank did. */
export const ranks = ["holder", "organization", "deployment"] as const;
export type Rank = (typeof ranks)[number];

/** `pending` until a third person has decided; absent where no approval was asked for. */
export type Approval = { readonly state: "pending" } | ({ readonly state: "approved" | "denied" } & ApprovalDecision);

/** Who approved or denied, with the service that it came through, if any. */
export interface ApprovalDecision extends Attribution {
  readonly via?: string;
}

/** Suspended by somebody of this rank. */
export interface Suspension extends Attribution {
  readonly rank: Rank;
}

/** The organization that a token is bound to, or is. */
export function organizationOf({
  kind,
  subject,
  organization,
}: Pick<TokenRecord, "kind" | "subject" | "organization">): SubjectName | undefined {
  return kind === "oat" ? subject : organization;
}

/**
 * The stored facts of a token. States and verdicts are derived at use: nothing has to run on time for a token to stop
 * working.
 */
export interface TokenRecord extends Hands {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  /** Which life of the subject it belongs to; a deleted subject that is enabled again starts another. */
  readonly generation: number;
  /** A user token may be bound to one ("alice, for acme"); never changes. */
  readonly organization: SubjectName | undefined;
  readonly name: string;
  readonly description: string;
  readonly grant: Grant;
  /** CIDR ranges in canonical text; empty means any network. */
  readonly allowedCidrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
  readonly createTime: Date;
  /** `user:<id>` or `service:<name>`: who asked for it. */
  readonly createdBy: string;
  /** `service:<name>` that stood between, when a user asked through one. */
  readonly createdVia: string | undefined;
  readonly notBefore: Date | undefined;
  /** Undefined means never expires. */
  readonly expireTime: Date | undefined;
  /**
   * A change has ended it at once: it is expired on every replica, whatever the clock of one says. Longer life takes
   * the mark away.
   */
  readonly expired: boolean;
  /** Whether its holder may rotate it with the token itself, where policy allows. */
  readonly selfRotate: boolean;
  readonly approval: Approval | undefined;
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
  /** When it was or will be superseded; undefined while it is the current one. */
  readonly retireTime: Date | undefined;
  /**
   * Superseded at once and for good, on every replica, whatever the clock of one says. `retireTime` is then for
   * display.
   */
  readonly ended: boolean;
}

/** A token as the management plane shows it: with its secrets, newest first. */
export interface TokenWithSecrets extends TokenRecord {
  readonly secrets: readonly SecretRecord[];
}

/** The secret that was minted last and has not been superseded. */
export function currentSecret({ secrets }: TokenWithSecrets): SecretRecord | undefined {
  return secrets.find(({ retireTime }) => retireTime === undefined);
}
