import type { SubjectName } from "../identifier/identifier.js";
import type { RevocationReason, SecretRecord, TokenId, TokenRecord, TokenWithSecrets } from "../token/token.js";

/** A secret to be stored: its keyed digest, never the text. */
export interface NewSecret extends SecretRecord {
  /** HMAC-SHA-256 under the digest key of `pepperVersion`, 32 bytes. Unique. */
  readonly digest: Uint8Array;
}

/** What a digest leads to. */
export interface ResolvedToken {
  readonly token: TokenRecord;
  readonly secret: SecretRecord;
}

export interface TokenFilter {
  readonly subject?: SubjectName;
  /** Only subjects whose name starts with one of these (`organization:`) or equals one. Undefined: any. */
  readonly subjects?: readonly string[];
  readonly states?: readonly StoredState[];
  readonly createdBy?: string;
  readonly expireBefore?: Date;
}

export type StoredState = "ACTIVE" | "EXPIRED" | "REVOKED";

export interface TokenPage {
  /** Newest first, by id. */
  readonly tokens: readonly TokenWithSecrets[];
  /** Whether more follow after the last one. */
  readonly more: boolean;
}

/**
 * Tokens and their secrets in the database. Every method is one statement or one transaction, and fails with Failure
 * DATABASE_UNAVAILABLE when it did not happen or OUTCOME_UNKNOWN when the connection broke during COMMIT; no driver error leaves it.
 */
export interface TokenStore {
  insert(token: TokenRecord, secret: NewSecret): Promise<void>;
  /** One entry for each digest, in order; one indexed read for all. Only reads. */
  resolve(digests: readonly Uint8Array[]): Promise<readonly (ResolvedToken | undefined)[]>;
  get(id: TokenId): Promise<TokenWithSecrets | undefined>;
  /** Ordered by id, newest first, starting after `after`. `now` decides states. */
  list(filter: TokenFilter, page: { readonly size: number; readonly after?: TokenId }, now: Date): Promise<TokenPage>;
  /** Idempotent: the first revocation is kept. Undefined when there is no such token. */
  revoke(
    id: TokenId,
    revocation: { readonly by: string; readonly reason: RevocationReason; readonly time: Date },
  ): Promise<TokenWithSecrets | undefined>;
}

/** Proof that the peppers loaded are those that the stored digests were made with. */
export interface PepperStore {
  /** Check values by version, as written at first use. */
  checkValues(): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Writes a check value unless the version already has one. */
  recordCheckValue(version: number, checkValue: Uint8Array): Promise<void>;
  /** Secrets of tokens not revoked and not expired at `now`, by pepper version. */
  countLiveSecrets(now: Date): Promise<ReadonlyMap<number, number>>;
}
