import { createHash } from "node:crypto";

/** Returns an opaque tag of the current revision. Each new revision has another tag. */
export function etagOf({ id, revision }: { readonly id: string; readonly revision: number }): string {
  return createHash("sha256").update(`${id} ${revision}`).digest("base64url").slice(0, 16);
}
