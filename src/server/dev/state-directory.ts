import { generateKeyPair, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { encodeSecret } from "../../domain/secret.js";

/** The secrets that a development server keeps between runs. */
export interface DevSecrets {
  /** 32 random bytes. */
  readonly pepper: Uint8Array;
  /** Key of the one administrator, `pw_svc_…`. */
  readonly serviceKey: string;
  /** RSA key that signs the tokens of the embedded OpenID provider, PKCS #8 as PEM. */
  readonly issuerKey: string;
}

/** Makes the secrets of a server that keeps no state. */
export async function freshSecrets(brand: string): Promise<DevSecrets> {
  return { pepper: randomBytes(32), serviceKey: freshServiceKey(brand), issuerKey: await freshIssuerKey() };
}

export function freshServiceKey(brand: string): string {
  return encodeSecret(brand, "svc", randomBytes(32));
}

async function freshIssuerKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return privateKey;
}

/** Makes the folder readable by its owner only, also when it existed with wider permissions. */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
}

/** Returns the secrets of this folder, made at first use, in files of mode 0600. Call only under the folder's lock. */
export async function keptSecrets(directory: string, brand: string): Promise<DevSecrets> {
  const pepper = await keep(join(directory, "pepper"), () => randomBytes(32).toString("base64"));
  return {
    pepper: Buffer.from(pepper, "base64"),
    serviceKey: await keep(join(directory, "service-key"), () => freshServiceKey(brand)),
    issuerKey: await keep(join(directory, "issuer-key.pem"), freshIssuerKey),
  };
}

async function keep(file: string, fresh: () => string | Promise<string>): Promise<string> {
  if (!existsSync(file)) {
    // Written by renaming: a process that is killed while it writes must not leave an empty secret.
    writeFileSync(`${file}.new`, `${await fresh()}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, "utf8").trim();
}
