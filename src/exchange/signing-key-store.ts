/** What JWTs are signed with. */
export const signingAlgorithms = ["ES256", "RS256"] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface StoredSigningKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** The private key, which nobody who reads the database alone can open. */
  readonly sealedKey: Uint8Array;
  /** When it begins to sign, and the one before it stops. */
  readonly signsFrom: Date;
}

export interface SigningKeyChange {
  readonly add?: StoredSigningKey;
  /** By their kids. */
  readonly remove?: readonly string[];
}

/** Keys of JWTs, ordered by `signsFrom`. Methods fail with Failure DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN. */
export interface SigningKeyStore {
  list(): Promise<readonly StoredSigningKey[]>;
  /**
   * `decide` sees the keys under a lock that all changes of keys wait for; undefined changes nothing. The keys as they
   * are then.
   */
  change(
    decide: (keys: readonly StoredSigningKey[]) => SigningKeyChange | undefined,
  ): Promise<readonly StoredSigningKey[]>;
}
