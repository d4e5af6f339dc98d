import type { Identity } from "./gate.js";

/** All of them on every allow, so that none of what the bearer sent under these names gets through. */
export function identityHeaders({ subject, tokenId, organization }: Identity): readonly (readonly [string, string])[] {
  return [
    ["x-patwarden-subject", subject],
    ["x-patwarden-token-id", tokenId],
    ["x-patwarden-organization", organization],
  ];
}
