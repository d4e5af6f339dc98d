import type { SecretId, TokenId } from "./token.js";

/** When something was last used, and from which address if the caller of Check knew it. */
export interface LastUse {
  readonly time: Date;
  readonly address: string | undefined;
}

/** A use of a token with one of its secrets. */
export interface TokenUse extends LastUse {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
}

/** Last uses by the ids of tokens and secrets. An id that was never used is absent. */
export type LastUses = ReadonlyMap<TokenId | SecretId, LastUse>;

/**
 * Last uses, stored apart from the tokens. Methods fail with the Failure DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN, and
 * may be repeated after either.
 */
export interface LastUseStore {
  /**
   * Moves last uses forward, never back, in one statement. About a thousand at a time works well. Skips rows that are
   * locked. Returns the secrets whose uses are stored; send the others again later.
   */
  move(uses: readonly TokenUse[]): Promise<ReadonlySet<SecretId>>;
}
