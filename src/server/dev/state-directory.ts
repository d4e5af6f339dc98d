import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSecret } from "../../domain/secret.js";

/** The secrets that a development server keeps between runs. */
export interface DevSecrets {
  /** 32 random bytes. */
  readonly pepper: Uint8Array;
  /** Key of the one administrator, `pw_svc_…`. */
  readonly serviceKey: string;
}

/** Makes the secrets of a server that keeps no state. */
export function freshSecrets(brand: string): DevSecrets {
  return { pepper: randomBytes(32), serviceKey: encodeSecret(brand, "svc", randomBytes(32)) };
}

/** Makes the folder readable by its owner only, also when it existed with wider permissions. */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
}

/** Returns the secrets of this folder, made at first use, in files of mode 0600. Call only under the folder's lock. */
export function keptSecrets(directory: string, brand: string): DevSecrets {
  const fresh = freshSecrets(brand);
  const pepper = keep(join(directory, "pepper"), Buffer.from(fresh.pepper).toString("base64"));
  return {
    pepper: Buffer.from(pepper, "base64"),
    serviceKey: keep(join(directory, "service-key"), fresh.serviceKey),
  };
}

function keep(file: string, fresh: string): string {
  if (!existsSync(file)) {
    // Written by renaming: a process that is killed while it writes must not leave an empty secret.
    writeFileSync(`${file}.new`, `${fresh}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, "utf8").trim();
}
