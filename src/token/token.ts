import type { ActionName, ResourceName, SubjectName } from "../identifier/identifier.js";

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

export type RevocationReason = "REQUESTED" | "LEAKED" | "ADMINISTRATIVE";

/**
 * The stored facts of a token. States and verdicts are derived at use: nothing has to run on time for a token to stop
 * working.
 */
export interface TokenRecord {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  readonly name: string;
  readonly description: string;
  readonly grant: Grant;
  /** CIDR ranges in canonical text; empty means any network. */
  readonly allowedCidrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
  readonly createTime: Date;
  /** `user:<id>` or `service:<name>`. */
  readonly createdBy: string;
  readonly notBefore: Date | undefined;
  /** Undefined: never expires. */
  readonly expireTime: Date | undefined;
  readonly revocation: { readonly time: Date; readonly by: string; readonly reason: RevocationReason } | undefined;
}

/** The stored facts of one secret of a token. */
export interface SecretRecord {
  readonly id: SecretId;
  readonly hint: string;
  readonly createTime: Date;
  readonly pepperVersion: number;
  /** End of its grace after a rotation; undefined while it is the current one. */
  readonly retireTime: Date | undefined;
  readonly revokeTime: Date | undefined;
}

/** A token as the management plane shows it: with its secrets, newest first. */
export interface TokenWithSecrets extends TokenRecord {
  readonly secrets: readonly SecretRecord[];
}
