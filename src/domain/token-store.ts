import type { AuditEvent } from "./audit-event.js";
import type { SubjectName } from "./identifier.js";
import type { LastUses } from "./last-use-store.js";
import type { Policy } from "./policy.js";
import type { Standing, TokenState, TokenSubjects, UseTimes } from "./state.js";
import type {
  Grant,
  Revocation,
  RevocationReason,
  SecretId,
  SecretRecord,
  TokenId,
  TokenKind,
  TokenRecord,
  TokenWithSecrets,
} from "./token.js";

/** A secret to store: its keyed digest, never the text. */
export interface NewSecret extends SecretRecord {
  /** HMAC-SHA-256 under the digest key of `pepperVersion`, 32 bytes. Unique. */
  readonly digest: Uint8Array;
}

/**
 * A token as a decision needs it, found by the digest of a secret. It has no other fields, since a cache holds many.
 * Its times are compared with the clock at each use.
 */
export interface ResolvedToken extends UseTimes {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  readonly organization: SubjectName | undefined;
  readonly standing: Standing;
  /** Whether the policy blocks every use of the token. */
  readonly blocked: boolean;
  readonly grant: Grant;
  readonly allowedCidrs: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
  readonly secretId: SecretId;
  /** The stricter of the deployment's and the organization's. Tokens with the same policies share the object. */
  readonly policy: Policy;
}

/** The tokens that were found by digests, all read in one snapshot of the database. */
export interface Resolved {
  /** One for each digest, in order; undefined when no token has it. */
  readonly tokens: readonly (ResolvedToken | undefined)[];
  /** The epoch of the snapshot. */
  readonly asOf: number;
}

/** The current facts outside a token that affect it: the states of its subjects, and its policies. */
export interface TokenContext {
  readonly subjects: TokenSubjects;
  /** The stricter of the deployment's and the organization's. */
  readonly policy: Policy;
  /** The one or two policies that `policy` is computed from. */
  readonly policies: readonly { readonly scope: string; readonly policy: Policy }[];
}

/** A token with everything that management calls show or need for a decision. */
export interface TokenSnapshot extends TokenContext {
  readonly token: TokenWithSecrets;
  /** The last uses of the token and of its secrets in `token`. */
  readonly lastUses: LastUses;
  /**
   * When the current secret was stored, as an instant of `performance.now()`. It may be too early by at most the time
   * of one statement. Absent when no row was read.
   */
  readonly secretStoredMs?: number;
  /** When the last JWT that was made for the token expires. Absent when none was made. Final for a revoked token. */
  readonly residualUntil?: Date;
}

export interface TokenFilter {
  readonly ids?: readonly TokenId[];
  readonly kind?: TokenKind;
  readonly subject?: SubjectName;
  /** Only subjects whose name equals one of these, or starts with one that ends in `:`. Absent: any subject. */
  readonly subjects?: readonly string[];
  /** Only tokens of this organization and tokens that are bound to it. */
  readonly organization?: SubjectName;
  readonly states?: readonly TokenState[];
  readonly createdBy?: string;
  readonly createdBefore?: Date;
  readonly expireBefore?: Date;
  /**
   * Only tokens that were not used at or after this time. One that was never used counts from when it became usable.
   */
  readonly unusedSince?: Date;
  /**
   * Only tokens with this text, in any case: anywhere in the name or description, at the beginning or end of the id if
   * it has 6 characters or more, or at the end of a secret's hint if it has 4 or more.
   */
  readonly query?: string;
  /** Whether the token is bound to an organization. */
  readonly bound?: boolean;
  /** Whether nothing but a policy refuses the token now. */
  readonly blocked?: boolean;
  /** Whether the grant is full. */
  readonly full?: boolean;
  readonly neverExpires?: boolean;
  readonly revocationReasons?: readonly RevocationReason[];
}

/** The fields that lists of tokens can be ordered by, as the API names them. */
export const tokenOrders = ["create_time", "expire_time", "last_use_time", "name"] as const;

/**
 * An order of tokens. A token that never expires counts as the one that ends last, one that was never used as the one
 * that was used first. Names are ordered as the database orders text, without regard to case. Tokens that are equal in
 * this are ordered by id, in the same direction.
 */
export interface TokenOrder {
  readonly by: (typeof tokenOrders)[number];
  readonly descending: boolean;
}

export const newestFirst: TokenOrder = { by: "create_time", descending: true };

/** A place in an ordered list: the token that was listed last, and its value in the order. */
export interface TokenPosition {
  readonly id: TokenId;
  /** A time in ISO 8601, `infinity`, `-infinity` or a name; empty when the list is ordered by creation. */
  readonly key: string;
}

/** The facts that rights on a token depend on. */
export interface TokenOwner extends Pick<TokenRecord, "kind" | "subject" | "organization"> {
  readonly revoked: boolean;
}

/** Which of the counted tokens to name. */
export interface NamedTokens {
  /** The most tokens that are named. */
  readonly most: number;
  /** Only tokens of these subjects, as in TokenFilter. Absent: any subject. */
  readonly subjects?: readonly string[];
}

export interface ListedToken extends TokenSnapshot {
  readonly position: TokenPosition;
}

/** Numbers of tokens: all, those in each state, and those that are neither ended nor expired and need attention. */
export interface TokenCounts {
  readonly total: number;
  readonly states: Readonly<Record<TokenState, number>>;
  /** Those that end before `expireBefore`. */
  readonly expiring: number;
  /** Those that were not used since `unusedSince`. */
  readonly unused: number;
  readonly neverExpires: number;
  readonly blocked: number;
  readonly full: number;
}

export interface TokenPage {
  /** In the order that was asked for. */
  readonly tokens: readonly ListedToken[];
  /** Whether more follow after the last one. */
  readonly more: boolean;
}

/** The key under which a repeated call finds its first result. */
export interface RequestKey {
  /** The caller's name. */
  readonly caller: string;
  readonly requestId: string;
  /** SHA-256 of the request. */
  readonly fingerprint: Uint8Array;
}

/** The record that an earlier call with the same key stored. */
export interface RememberedRequest {
  readonly fingerprint: Uint8Array;
  readonly tokenId: TokenId;
  /** Undefined after `sweepRequests` has deleted it. */
  readonly sealedSecret: Uint8Array | undefined;
  readonly createTime: Date;
}

/** A request key with the secret that the call created. */
export interface NewRequest extends RequestKey {
  readonly sealedSecret: Uint8Array;
  readonly createTime: Date;
}

export interface NewToken {
  /** Committed with the token. */
  readonly event: AuditEvent;
  readonly token: TokenRecord;
  readonly secret: NewSecret;
  readonly request?: NewRequest;
}

/** Facts that may change. The store raises `revision`. */
export type TokenFacts = Pick<
  TokenRecord,
  | "name"
  | "description"
  | "justification"
  | "grant"
  | "allowedCidrs"
  | "metadata"
  | "claims"
  | "notBefore"
  | "expireTime"
  | "expired"
  | "selfRotate"
  | "approval"
  | "approved"
  | "suspension"
  | "revocation"
  | "contributors"
  | "holders"
>;

export interface TokenChange {
  /** Committed with the change. */
  readonly event: AuditEvent;
  readonly facts?: Partial<TokenFacts>;
  readonly newSecret?: NewSecret;
  /** Secrets that stop working at a time, or at once when `ended`. */
  readonly retire?: readonly { readonly id: SecretId; readonly time: Date; readonly ended: boolean }[];
  readonly request?: NewRequest;
}

/** Thrown when the request key was used before; nothing was done. */
export class RequestKnown extends Error {
  override readonly name = "RequestKnown";
}

/**
 * Tokens and their secrets in the database. Each method is one statement or one transaction. A method fails with the
 * Failure DATABASE_UNAVAILABLE when nothing happened, with OUTCOME_UNKNOWN when the connection was lost during COMMIT,
 * and never with an error of the driver. An error that `draft` or `decide` throws rolls everything back and is thrown
 * again. Neither may wait for anything.
 */
export interface TokenStore {
  /**
   * Creates a token for a subject and organization. Their states and policies are read in the same transaction, and the
   * states are locked until it ends. Throws RequestKnown when the request key was used before.
   */
  create(
    owner: Pick<TokenRecord, "kind" | "subject" | "organization">,
    draft: (context: TokenContext) => NewToken,
  ): Promise<TokenSnapshot>;
  /**
   * Finds tokens by the digests of secrets, in one indexed read for all. Fails with DATABASE_UNAVAILABLE also when a
   * standby answers, since it may lag behind.
   */
  resolve(digests: readonly Uint8Array[]): Promise<Resolved>;
  /** Returns what affects a token of this owner, as a token that is created now would find it. */
  context(owner: Pick<TokenRecord, "kind" | "subject" | "organization">): Promise<TokenContext>;
  /** Returns undefined when there is no such token. */
  get(id: TokenId): Promise<TokenSnapshot | undefined>;
  /**
   * Lists the tokens that match, starting after `after`. The order of creation is that of ids. `now` decides which
   * tokens have expired. Default order: newest first.
   */
  list(
    filter: TokenFilter,
    page: { readonly size: number; readonly after?: TokenPosition; readonly order?: TokenOrder },
    now: Date,
  ): Promise<TokenPage>;
  /**
   * Locks the token, reads it, and makes the change that `decide` returns; undefined changes nothing. Returns the token
   * afterwards, or undefined when there is no such token. Throws RequestKnown when the request key was used before.
   */
  change(id: TokenId, decide: (current: TokenSnapshot) => TokenChange | undefined): Promise<TokenSnapshot | undefined>;
  /**
   * Records the `expireTime` of something that `decide` makes for the token and that stays valid by itself, such as a
   * JWT. Changes of the token wait until the time is committed. So a change that ends the token either comes first, and
   * `decide` sees it, or finds the recorded time. Returns undefined when there is no such token.
   */
  handOut<T extends { readonly expireTime: Date }>(
    id: TokenId,
    decide: (current: TokenSnapshot) => T,
  ): Promise<T | undefined>;
  /**
   * Returns when the last thing expires that was handed out for a token that matches, or undefined when nothing is
   * valid at `now`.
   */
  residualOf(filter: TokenFilter, now: Date): Promise<Date | undefined>;
  /** Returns the owners of the tokens with these ids, and whether each is revoked. An id without a token is absent. */
  owners(ids: readonly TokenId[]): Promise<ReadonlyMap<TokenId, TokenOwner>>;
  /** Revokes all tokens that match and are not revoked yet. */
  revokeAll(
    filter: TokenFilter,
    revocation: Revocation,
    bounds: {
      /** The expected number of tokens. When it is wrong, nothing is done. */
      readonly expected?: number | undefined;
      /** The most tokens to revoke, oldest first. Default: all. */
      readonly limit?: number;
    },
    now: Date,
    eventOf: (token: TokenRecord) => AuditEvent,
  ): Promise<{
    /** The number of tokens that match. */
    readonly count: number;
    /** Whether they were revoked, rather than nothing done. */
    readonly done: boolean;
    /** The ids of the tokens that match. */
    readonly ids: readonly TokenId[];
  }>;
  /** Counts the tokens that match. */
  count(filter: TokenFilter, now: Date): Promise<number>;
  /** Counts the tokens that match by state and by what needs attention, in one statement. */
  summarize(
    filter: TokenFilter,
    limits: { readonly expireBefore: Date; readonly unusedSince: Date },
    now: Date,
  ): Promise<TokenCounts>;
  /**
   * Counts the tokens that match, have a current secret, and are blocked by the policy `after` and not by `before`, and
   * returns the ids of those to name, newest first. One statement for any number of tokens.
   */
  countBlocked(
    filter: TokenFilter,
    policies: { readonly before: Policy; readonly after: Policy },
    named: NamedTokens,
    now: Date,
  ): Promise<{ readonly count: number; readonly newest: readonly TokenId[] }>;
  /** Returns the token that one of the digests belongs to, even if it has ended. */
  findByDigest(digests: readonly Uint8Array[]): Promise<TokenId | undefined>;
  findRequest(key: Pick<RequestKey, "caller" | "requestId">): Promise<RememberedRequest | undefined>;
  /** Deletes sealed secrets that are older than the first time, and requests that are older than the second. */
  sweepRequests(unsealBefore: Date, forgetBefore: Date): Promise<void>;
}

/** Proves that the loaded peppers are those that the stored digests were made with. */
export interface PepperStore {
  /** Returns the check value of each version, as it was written at first use. */
  checkValues(): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Writes a check value unless the version already has one. */
  recordCheckValue(version: number, checkValue: Uint8Array): Promise<void>;
  /** Counts the secrets of tokens that are neither revoked nor expired at `now`, by pepper version. */
  countLiveSecrets(now: Date): Promise<ReadonlyMap<number, number>>;
}
