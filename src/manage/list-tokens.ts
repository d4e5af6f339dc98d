import { actorOf, type Caller } from "../access/caller.js";
import type { Clock } from "../check/clock.js";
import { Failure } from "../failure/failure.js";
import type { TokenFilter, TokenStore } from "../store/token-store.js";
import type { TokenWithSecrets } from "../token/token.js";
import { openPageToken, sealPageToken } from "./page-token.js";

export interface ListTokensQuery {
  readonly filter: Omit<TokenFilter, "subjects">;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface ListedTokens {
  readonly tokens: readonly TokenWithSecrets[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface ListTokensOptions {
  readonly store: Pick<TokenStore, "list">;
  readonly clock: Clock;
  /** Keys that page tokens are authenticated with; the first seals, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/** Newest first. A page token is good only for the caller and the filters that it was made for; page sizes may differ. */
export async function listTokens(
  { store, clock, pageTokenKeys }: ListTokensOptions,
  caller: Caller,
  { filter, pageSize, pageToken }: ListTokensQuery,
): Promise<ListedTokens> {
  const scope = JSON.stringify(["tokens", actorOf(caller), filter]);
  const after = pageToken === "" ? undefined : openPageToken(pageTokenKeys, scope, pageToken);
  if (pageToken !== "" && after === undefined) {
    throw new Failure("PAGE_TOKEN_INVALID", {
      violations: [{ field: "page_token", description: "must be next_page_token of a request with the same filters" }],
    });
  }
  const { tokens, more } = await store.list(
    { ...filter, ...(caller.subjects && { subjects: caller.subjects }) },
    { size: pageSize, ...(after && { after }) },
    clock.now(),
  );
  const last = tokens.at(-1);
  return { tokens, nextPageToken: more && last ? sealPageToken(pageTokenKeys, scope, last.id) : "" };
}
