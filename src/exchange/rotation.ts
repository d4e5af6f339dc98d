import { nextSignsFrom, pendingKeyAt, publishedAt, publishedUntil } from "./key-schedule.js";
import { newSigningKey } from "./signing-key.js";
import type { SigningAlgorithm, SigningKeyStore } from "./signing-key-store.js";

export interface RotationOptions {
  readonly store: Pick<SigningKeyStore, "change">;
  /** The same as in `SigningKeys`. */
  readonly sealKeys: readonly Uint8Array[];
  /** The algorithm of the new key. */
  readonly algorithm: SigningAlgorithm;
  /** The database's time. */
  readonly now: Date;
  /** Whether somebody else may have the old keys. If so, they are withdrawn and the new key signs at once. */
  readonly compromised: boolean;
}

export interface Rotation {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly signsFrom: Date;
  /** Older keys that stay published. */
  readonly previous: readonly { readonly kid: string; readonly publishedUntil: Date }[];
}

/** Publishes the next signing key. Throws while another key waits to sign; the error says when to try again. */
export async function rotateSigningKeys(options: RotationOptions): Promise<Rotation> {
  const { store, sealKeys, algorithm, now, compromised } = options;
  const { kid, sealedKey } = await newSigningKey(algorithm, sealKeys, now);
  const keys = await store.change((current) => {
    const pending = pendingKeyAt(current, now);
    if (pending && !compromised) {
      throw new Error(
        `a rotation is under way: the next key signs from ${pending.signsFrom.toISOString()}, and the one after it can be published then; --compromised replaces all keys at once`,
      );
    }
    const remove = compromised ? current.map((key) => key.kid) : [];
    const signsFrom = nextSignsFrom(compromised ? [] : current, now);
    return { add: { kid, algorithm, sealedKey, signsFrom }, remove };
  });
  return {
    kid,
    algorithm,
    signsFrom: keys.find((key) => key.kid === kid)?.signsFrom ?? now,
    previous: publishedAt(keys, now).flatMap((key) => {
      const until = publishedUntil(keys, key);
      return until ? [{ kid: key.kid, publishedUntil: until }] : [];
    }),
  };
}
