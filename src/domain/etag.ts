import { createHash } from "node:crypto";

/** Opaque mark of a thing as it is: another one after each change that counts. */
export function etagOf({ id, revision }: { readonly id: string; readonly revision: number }): string {
  return createHash("sha256").update(`${id} ${revision}`).digest("base64url").slice(0, 16);
}
