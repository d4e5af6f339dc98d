import { createHmac, createSecretKey, hash, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeSecret, hintOf, randomLength, type SecretText, secretBytes, tagLength } from "./secret.js";
import type { TokenKind } from "./token.js";

export interface Pepper {
  /** Stored beside each digest; unique. */
  readonly version: number;
  /** At least 32 random bytes. */
  readonly key: Uint8Array;
  /** Whether new secrets are made with it. Exactly one pepper is active; all of them verify. */
  readonly active: boolean;
}

export interface MintedSecret {
  readonly text: string;
  readonly digest: Uint8Array;
  readonly pepperVersion: number;
  readonly hint: string;
}

export interface RecognizedSecret {
  readonly digest: Uint8Array;
  readonly pepperVersion: number;
}

interface Keys {
  readonly version: number;
  readonly pepper: KeyObject;
  readonly tag: KeyObject;
  readonly digest: KeyObject;
}

/**
 * The keys that make and recognize secrets. Without the pepper, a thief who can only write to the database cannot
 * create a row for a secret of their own. The tag in each secret distinguishes an issued secret from a guess, without a
 * read of the database. If the operator loses the peppers, no token is valid any more.
 */
export class PepperRing {
  readonly #brand: string;
  readonly #random: (length: number) => Uint8Array;
  /** The active one is first, since most secrets were made with it. */
  readonly #keys: readonly [Keys, ...Keys[]];

  /** Throws unless exactly one pepper is active, all versions differ, and all keys have at least 32 bytes. */
  constructor(brand: string, peppers: readonly Pepper[], random: (length: number) => Uint8Array = randomBytes) {
    if (new Set(peppers.map(({ version }) => version)).size !== peppers.length)
      throw new Error("two peppers have the same version");
    if (peppers.some(({ key }) => key.length < 32)) throw new Error("a pepper has less than 32 bytes");
    const [active, ...others] = peppers.filter((pepper) => pepper.active);
    if (!active || others.length > 0) throw new Error("there must be exactly one active pepper");
    this.#brand = brand;
    this.#random = random;
    this.#keys = [prepare(active), ...peppers.filter((pepper) => !pepper.active).map(prepare)];
  }

  /** Makes a new secret with the active pepper. */
  mint(kind: TokenKind): MintedSecret {
    const [keys] = this.#keys;
    const random = this.#random(randomLength);
    const tag = tagOf(keys, `${this.#brand}_${kind}_`, random);
    const text = encodeSecret(this.#brand, kind, Buffer.concat([random, tag]));
    return { text, digest: digestOf(keys, text), pepperVersion: keys.version, hint: hintOf(text) };
  }

  /** Returns the digest to look up, or undefined when none of the peppers made the secret. */
  recognize(secret: SecretText): RecognizedSecret | undefined {
    const { random, tag } = secretBytes(secret);
    for (const keys of this.#keys) {
      if (timingSafeEqual(tagOf(keys, secret.prefix, random), tag)) {
        return { digest: digestOf(keys, secret.text), pepperVersion: keys.version };
      }
    }
    return undefined;
  }

  /** Returns the possible digests of a secret of which only the SHA-256 is known: one for each pepper. */
  digestsOfSha256(sha256: Uint8Array): readonly Uint8Array[] {
    return this.#keys.map(({ digest }) => createHmac("sha256", digest).update(sha256).digest());
  }

  /**
   * Returns a check value by version. It proves that a key is the one that was used before, without revealing the key.
   */
  checkValues(): ReadonlyMap<number, Uint8Array> {
    return new Map(this.#keys.map(({ version, pepper }) => [version, hmac(pepper, "patwarden pepper check")]));
  }

  /** Derives a key for another purpose, 32 bytes, from the active pepper. */
  deriveKey(label: string): Uint8Array {
    return hmac(this.#keys[0].pepper, label);
  }

  /** Derives a key from every pepper, the active one first, so that older peppers still open what they sealed. */
  deriveKeys(label: string): readonly Uint8Array[] {
    return this.#keys.map(({ pepper }) => hmac(pepper, label));
  }
}

function prepare({ version, key }: Pepper): Keys {
  const pepper = createSecretKey(key);
  return {
    version,
    pepper,
    // Creating a KeyObject costs two thirds of an HMAC (2 of 3 us), so it is created once. Unlike bytes, it reveals
    // nothing when it is inspected.
    tag: createSecretKey(hmac(pepper, "patwarden tag")),
    digest: createSecretKey(hmac(pepper, "patwarden digest")),
  };
}

function hmac(key: KeyObject, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

function tagOf(keys: Keys, prefix: string, random: Uint8Array): Uint8Array {
  return createHmac("sha256", keys.tag).update(prefix).update(random).digest().subarray(0, tagLength);
}

/** Returns the digest of a secret. The inner hash allows lookups by the SHA-256 of a found secret. */
function digestOf(keys: Keys, text: string): Uint8Array {
  return createHmac("sha256", keys.digest)
    .update(hash("sha256", text, "buffer"))
    .digest();
}
