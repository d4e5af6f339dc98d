/** The algorithms that JWTs are signed with. */
export const signingAlgorithms = ["ES256", "RS256"] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface StoredSigningKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** The private key, encrypted: the database alone is not enough to open it. */
  readonly sealedKey: Uint8Array;
  /** When the key begins to sign and the previous one stops. */
  readonly signsFrom: Date;
}

export interface SigningKeyChange {
  readonly add?: StoredSigningKey;
  /** The kids of the keys to remove. */
  readonly remove?: readonly string[];
}

/** Keys that sign JWTs, ordered by `signsFrom`. Methods fail with Failure DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN. */
export interface SigningKeyStore {
  list(): Promise<readonly StoredSigningKey[]>;
  /**
   * Changes the keys under a lock that all changes of keys wait for. `decide` gets the current keys; undefined changes
   * nothing. Returns the keys after the change.
   */
  change(
    decide: (keys: readonly StoredSigningKey[]) => SigningKeyChange | undefined,
  ): Promise<readonly StoredSigningKey[]>;
}
