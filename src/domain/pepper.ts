import { createHmac, createSecretKey, hash, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeSecret, hintOf, randomLength, type SecretText, secretBytes, tagLength } from "./secret.js";
import type { TokenKind } from "./token.js";

export interface Pepper {
  /** Stored beside each digest; unique. */
  readonly version: number;
  /** At least 32 random bytes. */
  readonly key: Uint8Array;
  /** The one active pepper mints; all verify. */
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
 * The keys that make and recognize secrets. A pepper makes a database row worthless to a thief who can only write to
 * the database; the tag that it puts into each secret tells a guess from an issued secret without a read. An operator
 * who loses the peppers has no valid token left.
 */
export class PepperRing {
  readonly #brand: string;
  readonly #random: (length: number) => Uint8Array;
  /** The active one first: most secrets are its. */
  readonly #keys: readonly [Keys, ...Keys[]];

  /** Throws on a list without exactly one active pepper, with a version twice, or with a key under 32 bytes. */
  constructor(brand: string, peppers: readonly Pepper[], random: (length: number) => Uint8Array = randomBytes) {
    if (new Set(peppers.map(({ version }) => version)).size !== peppers.length)
      throw new Error("a pepper version twice");
    if (peppers.some(({ key }) => key.length < 32)) throw new Error("a pepper of less than 32 bytes");
    const [active, ...others] = peppers.filter((pepper) => pepper.active);
    if (!active || others.length > 0) throw new Error("there must be exactly one active pepper");
    this.#brand = brand;
    this.#random = random;
    this.#keys = [prepare(active), ...peppers.filter((pepper) => !pepper.active).map(prepare)];
  }

  /** A new secret, by the active pepper. */
  mint(kind: TokenKind): MintedSecret {
    const [keys] = this.#keys;
    const random = this.#random(randomLength);
    const tag = tagOf(keys, `${this.#brand}_${kind}_`, random);
    const text = encodeSecret(this.#brand, kind, Buffer.concat([random, tag]));
    return { text, digest: digestOf(keys, text), pepperVersion: keys.version, hint: hintOf(text) };
  }

  /** The digest to look up, or undefined for a secret that none of the peppers made. */
  recognize(secret: SecretText): RecognizedSecret | undefined {
    const { random, tag } = secretBytes(secret);
    for (const keys of this.#keys) {
      if (timingSafeEqual(tagOf(keys, secret.prefix, random), tag)) {
        return { digest: digestOf(keys, secret.text), pepperVersion: keys.version };
      }
    }
    return undefined;
  }

  /** Where a found secret, of which only the SHA-256 is known, would be stored: one digest for each pepper. */
  digestsOfSha256(sha256: Uint8Array): readonly Uint8Array[] {
    return this.#keys.map(({ digest }) => createHmac("sha256", digest).update(sha256).digest());
  }

  /** By version: proves that a key is the one that was used before, without giving it away. */
  checkValues(): ReadonlyMap<number, Uint8Array> {
    return new Map(this.#keys.map(({ version, pepper }) => [version, hmac(pepper, "patwarden pepper check")]));
  }

  /** A key for another purpose, 32 bytes, from the active pepper. */
  deriveKey(label: string): Uint8Array {
    return hmac(this.#keys[0].pepper, label);
  }

  /** The same from every pepper, the active one first: what was made before a change of peppers still opens. */
  deriveKeys(label: string): readonly Uint8Array[] {
    return this.#keys.map(({ pepper }) => hmac(pepper, label));
  }
}

function prepare({ version, key }: Pepper): Keys {
  const pepper = createSecretKey(key);
  return {
    version,
    pepper,
    // Making a KeyObject costs two thirds of an HMAC (2 of 3 us), so it is made once; unlike bytes, it shows nothing
    // when inspected.
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

/** The inner hash lets a found secret be looked up by its SHA-256 without storing anything more. */
function digestOf(keys: Keys, text: string): Uint8Array {
  return createHmac("sha256", keys.digest)
    .update(hash("sha256", text, "buffer"))
    .digest();
}
