import { Failure } from "./errors.js";
import { verifyMac, withMac } from "./mac.js";

/**
 * Returns the page token for a position in a list: the text by which the next page is found. `scope` names the list:
 * its caller and filters. So a token that was edited, or that belongs to another list, is refused.
 */
export function sealPageToken(keys: readonly Uint8Array[], scope: string, position: string): string {
  return withMac(keys, scope, Buffer.from(position));
}

/** Returns the position, or undefined for the first page. Throws PAGE_TOKEN_INVALID for a token of no such list. */
export function openPageToken(keys: readonly Uint8Array[], scope: string, pageToken: string): string | undefined {
  if (pageToken === "") return undefined;
  const position = verifyMac(keys, scope, pageToken);
  if (position) return Buffer.from(position).toString();
  const description = "must be next_page_token of a request that differs in page_size alone";
  throw new Failure("PAGE_TOKEN_INVALID", { violations: [{ field: "page_token", description }] });
}
