import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, type JWK } from "jose";
import { seal, unseal } from "../domain/sealed-secret.js";
import type { SigningAlgorithm, StoredSigningKey } from "./signing-key-store.js";

/** The label with which the keys that seal signing keys are derived from the peppers. */
export const signingKeyLabel = "patwarden signing key";

/** A key that is ready for use. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly signsFrom: Date;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** Generates a key, sealed with the first of `sealKeys`. An RSA key takes a few hundred milliseconds. */
export async function newSigningKey(
  algorithm: SigningAlgorithm,
  sealKeys: readonly Uint8Array[],
  signsFrom: Date,
): Promise<StoredSigningKey> {
  const { privateKey, publicKey } =
    algorithm === "ES256"
      ? await generate("ec", { namedCurve: "P-256" })
      : await generate("rsa", { modulusLength: 2048 }); // the minimum of RFC 7518 §3.3
  const kid = await calculateJwkThumbprint(publicKey.export({ format: "jwk" }) as JWK);
  const sealedKey = seal(sealKeys, kid, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return { kid, algorithm, sealedKey, signsFrom };
}

/** Opens a stored key. Throws when none of `sealKeys` opens it; the error says what to do. */
export function openSigningKey(
  { kid, algorithm, sealedKey, signsFrom }: StoredSigningKey,
  sealKeys: readonly Uint8Array[],
): SigningKey {
  const pem = unseal(sealKeys, kid, sealedKey);
  if (pem === undefined) {
    throw new Error(
      `PEPPER_MISMATCH: signing key ${kid} was sealed under a pepper that is not configured; configure that pepper again, or replace the keys by \`patwarden keys rotate-signing --compromised\``,
    );
  }
  const privateKey = createPrivateKey(pem);
  return { kid, algorithm, signsFrom, privateKey, publicKey: createPublicKey(privateKey) };
}

/** Returns the same key sealed with the first of `sealKeys`, or undefined when it is already, or when none opens it. */
export function sealedAnew(stored: StoredSigningKey, sealKeys: readonly Uint8Array[]): StoredSigningKey | undefined {
  const { kid, sealedKey } = stored;
  const pem = unseal(sealKeys.slice(0, 1), kid, sealedKey) === undefined && unseal(sealKeys, kid, sealedKey);
  return pem ? { ...stored, sealedKey: seal(sealKeys, kid, pem) } : undefined;
}

/** Returns a key as verifiers need it (RFC 7517): public parameters only. */
export function publicJwk({ kid, algorithm, publicKey }: SigningKey): JWK {
  return { ...(publicKey.export({ format: "jwk" }) as JWK), kid, use: "sig", alg: algorithm };
}
