import type { SecretId, TokenId } from "./token.js";

/** When, and from where as far as the caller of Check knew it. */
export interface LastUse {
  readonly time: Date;
  readonly address: string | undefined;
}

/** Of a token with one of its secrets. */
export interface TokenUse extends LastUse {
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
}

/** By the ids of tokens and secrets; what was never used is not there. */
export type LastUses = ReadonlyMap<TokenId | SecretId, LastUse>;

/** Last uses, apart from the tokens themselves. Methods fail with Failure DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN; both may be repeated. */
export interface LastUseStore {
  /**
   * Moves last uses on, never back, in one statement; a thousand is a good number. Waits for no row that somebody else holds: gives back the secrets whose uses are stored, the others may be sent
   * again later.
   */
  move(uses: readonly TokenUse[]): Promise<ReadonlySet<SecretId>>;
}
