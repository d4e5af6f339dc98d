import type { AuditEvent } from "./audit-event.js";
import type { SubjectName } from "./identifier.js";
import type { LastUses } from "./last-use-store.js";
import type { Policy } from "./policy.js";
import type { Standing, TokenSubjects, UseTimes } from "./state.js";
import type { Grant, SecretId, SecretRecord, TokenId, TokenKind, TokenRecord, TokenWithSecrets } from "./token.js";

/** A secret to be stored: its keyed digest, never the text. */
export interface NewSecret extends SecretRecord {
  /** HMAC-SHA-256 under the digest key of `pepperVersion`, 32 bytes. Unique. */
  readonly digest: Uint8Array;
}

/** What a digest leads to: the facts that a decision needs, and no more, since a cache holds many. Times are judged at use. */
export interface ResolvedToken extends UseTimes {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  readonly organization: SubjectName | undefined;
  readonly standing: Standing;
  /** Whether the policy blocks the token whatever is asked of it. */
  readonly blocked: boolean;
  readonly grant: Grant;
  readonly allowedCidrs: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
  readonly secretId: SecretId;
  /** The stricter of the deployment's and the organization's; one object for all tokens under the same. */
  readonly policy: Policy;
}

/** Records out of one snapshot. */
export interface Resolved {
  /** One for each digest, in order. */
  readonly tokens: readonly (ResolvedToken | undefined)[];
  /** The epoch of the snapshot. */
  readonly asOf: number;
}

/** What a token hangs on, as it is now. */
export interface TokenContext {
  readonly subjects: TokenSubjects;
  /** The stricter of the deployment's and the organization's. */
  readonly policy: Policy;
  /** The policies of which `policy` is the stricter, one or two. */
  readonly policies: readonly { readonly scope: string; readonly policy: Policy }[];
}

/** A token with all that the management plane shows and judges. */
export interface TokenSnapshot extends TokenContext {
  readonly token: TokenWithSecrets;
  /** Of the token and of the secrets that are shown. */
  readonly lastUses: LastUses;
  /**
   * When the current secret was stored, as an instant of `performance.now()`, or up to the time that a statement takes earlier. Absent where no row was
   * read.
   */
  readonly secretStoredMs?: number;
}

export type StoredState = "ACTIVE" | "PENDING_APPROVAL" | "SUSPENDED" | "EXPIRED" | "REVOKED" | "DENIED";

export interface TokenFilter {
  readonly kind?: TokenKind;
  readonly subject?: SubjectName;
  /** Only subjects whose name equals one of these, or starts with one that ends in `:`. Undefined: any. */
  readonly subjects?: readonly string[];
  /** Tokens bound to it, and its own. */
  readonly organization?: SubjectName;
  readonly states?: readonly StoredState[];
  readonly createdBy?: string;
  readonly createdBefore?: Date;
  readonly expireBefore?: Date;
  /** Not used at or after this time; one that was never used counts from when it first could be. */
  readonly unusedSince?: Date;
}

export interface TokenPage {
  /** Newest first, by id. */
  readonly tokens: readonly TokenSnapshot[];
  /** Whether more follow after the last one. */
  readonly more: boolean;
}

/** Under which a repeat of a call finds its result. */
export interface RequestKey {
  /** The caller's name. */
  readonly caller: string;
  readonly requestId: string;
  /** SHA-256 of the request. */
  readonly fingerprint: Uint8Array;
}

/** What an earlier call under the same key left. */
export interface RememberedRequest {
  readonly fingerprint: Uint8Array;
  readonly tokenId: TokenId;
  /** Undefined once its time was over. */
  readonly sealedSecret: Uint8Array | undefined;
  readonly createTime: Date;
}

/** The key with the secret that it leads to. */
export interface NewRequest extends RequestKey {
  readonly sealedSecret: Uint8Array;
  readonly createTime: Date;
}

export interface NewToken {
  /** Written in the same transaction, as is every event below. */
  readonly event: AuditEvent;
  readonly token: TokenRecord;
  readonly secret: NewSecret;
  readonly request?: NewRequest;
}

/** Facts that may change. `revision` is raised by the store. */
export type TokenFacts = Pick<
  TokenRecord,
  | "name"
  | "description"
  | "grant"
  | "allowedCidrs"
  | "metadata"
  | "claims"
  | "notBefore"
  | "expireTime"
  | "expired"
  | "selfRotate"
  | "approval"
  | "suspension"
  | "revocation"
  | "contributors"
  | "holders"
>;

export interface TokenChange {
  readonly event: AuditEvent;
  readonly facts?: Partial<TokenFacts>;
  readonly newSecret?: NewSecret;
  /** Secrets that stop at a time, or, `ended`, have stopped. */
  readonly retire?: readonly { readonly id: SecretId; readonly time: Date; readonly ended: boolean }[];
  readonly request?: NewRequest;
}

/** The request key was used before; nothing was done. */
export class RequestKnown extends Error {
  override readonly name = "RequestKnown";
}

/**
 * Tokens and their secrets in the database. Every method is one statement or one transaction, and fails with Failure DATABASE_UNAVAILABLE when it
 * did not happen or OUTCOME_UNKNOWN when the connection broke during COMMIT; no driver error leaves it. What `draft` and `decide` throw undoes
 * everything and is thrown on; they must not wait for anything.
 */
export interface TokenStore {
  /**
   * Makes a token for a subject, and organization, whose state and policy are read and held in the same transaction. Throws RequestKnown when
   * the request key was used before.
   */
  create(
    owner: Pick<TokenRecord, "kind" | "subject" | "organization">,
    draft: (context: TokenContext) => NewToken,
  ): Promise<TokenSnapshot>;
  /** One indexed read for all. Only reads. Fails with DATABASE_UNAVAILABLE on a standby too: it may lag behind. */
  resolve(digests: readonly Uint8Array[]): Promise<Resolved>;
  get(id: TokenId): Promise<TokenSnapshot | undefined>;
  /** Ordered by id, newest first, starting after `after`. `now` decides states. */
  list(filter: TokenFilter, page: { readonly size: number; readonly after?: TokenId }, now: Date): Promise<TokenPage>;
  /**
   * Changes a token under its row lock by what `decide` makes of the facts as they are then; undefined changes nothing. Undefined when there
   * is no such token. Throws RequestKnown when the request key was used before.
   */
  change(id: TokenId, decide: (current: TokenSnapshot) => TokenChange | undefined): Promise<TokenSnapshot | undefined>;
  /**
   * Hands something out for a token that lives on by itself until its `expireTime`, such as a JWT: `decide` makes it of the facts as they are then, and
   * that time is recorded, under a lock that changes of the token wait for. So whatever ends the token comes first and is seen, or finds the
   * time. Undefined when there is no such token.
   */
  handOut<T extends { readonly expireTime: Date }>(
    id: TokenId,
    decide: (current: TokenSnapshot) => T,
  ): Promise<T | undefined>;
  /** The last time at which something ends that was handed out for a token, past or not; undefined: nothing was. */
  residualOf(id: TokenId): Promise<Date | undefined>;
  /** Revokes those that match and are not revoked yet. */
  revokeAll(
    filter: TokenFilter,
    revocation: NonNullable<TokenRecord["revocation"]>,
    bounds: {
      /** Must be their number, or nothing is done. */
      readonly expected?: number | undefined;
      /** No more than this, the oldest ones. Default: all. */
      readonly limit?: number;
    },
    now: Date,
    eventOf: (token: TokenRecord) => AuditEvent,
  ): Promise<{ readonly count: number; readonly done: boolean }>;
  /** How many match. */
  count(filter: TokenFilter, now: Date): Promise<number>;
  /** How many match, and have a current secret, which `after` blocks as a whole and `before` does not. One statement, however many there are. */
  countBlocked(
    filter: TokenFilter,
    policies: { readonly before: Policy; readonly after: Policy },
    now: Date,
  ): Promise<number>;
  /** The token that one of the digests belongs to, ended or not. */
  findByDigest(digests: readonly Uint8Array[]): Promise<TokenId | undefined>;
  findRequest(key: Pick<RequestKey, "caller" | "requestId">): Promise<RememberedRequest | undefined>;
  /** Takes sealed secrets away that are older than the first time, and forgets requests older than the second. */
  sweepRequests(unsealBefore: Date, forgetBefore: Date): Promise<void>;
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
