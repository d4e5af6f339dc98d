import { createHash, randomBytes } from "node:crypto";
import { encodeSecret } from "../token/secret.js";
import { print } from "./fail.js";

export interface Output {
  readonly json: boolean;
}

/** Prints 32 random bytes in base64. */
export function makePepper({ json }: Output): void {
  const key = randomBytes(32).toString("base64");
  print(json, { key }, key);
}

/** Prints a key, which its caller keeps, and the hash, which the configuration keeps. */
export function makeServiceKey({ brand, json }: Output & { readonly brand: string }): void {
  const key = encodeSecret(brand, "svc", randomBytes(32));
  const keySha256 = createHash("sha256").update(key).digest("hex");
  print(json, { key, key_sha256: keySha256 }, `key:        ${key}\nkey_sha256: ${keySha256}`);
}
