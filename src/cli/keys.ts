import { createHash, randomBytes } from "node:crypto";
import { encodeSecret } from "../domain/secret.js";
import type { Printing } from "./options.js";
import { print } from "./output.js";

/** Prints 32 random bytes in base64. */
export async function makePepper({ json }: Printing): Promise<void> {
  const key = randomBytes(32).toString("base64");
  await print(json, { key }, key);
}

/** Prints a key for the caller, and its hash for the configuration. */
export async function makeServiceKey({ brand, json }: Printing & { readonly brand: string }): Promise<void> {
  const key = encodeSecret(brand, "svc", randomBytes(32));
  const keySha256 = createHash("sha256").update(key).digest("hex");
  await print(json, { key, key_sha256: keySha256 }, `key:        ${key}\nkey_sha256: ${keySha256}`);
}
