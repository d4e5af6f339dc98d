import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { fullPage } from "../domain/full-page.js";
import { type SubjectTypes, typeOf } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { TokenFilter, TokenSnapshot, TokenStore } from "../domain/token-store.js";

export interface ListTokensQuery {
  readonly filter: Omit<TokenFilter, "subjects">;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface ListedTokens {
  readonly tokens: readonly TokenSnapshot[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface ListTokensOptions {
  readonly store: Pick<TokenStore, "list">;
  readonly clock: Clock;
  readonly rights: Rights;
  readonly subjectTypes: SubjectTypes;
  /** Keys that page tokens are authenticated with; the first seals, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/**
 * Lists tokens, newest first. A page token is valid only for the caller and the filters that it was made for; page
 * sizes may differ.
 */
export async function listTokens(
  options: ListTokensOptions,
  caller: Caller,
  { filter: asked, pageSize, pageToken }: ListTokensQuery,
): Promise<ListedTokens> {
  const { store, clock, pageTokenKeys } = options;
  const filter = await visible(options, caller, asked);
  const scope = JSON.stringify(["tokens", actorOf(caller), filter]);
  const after = pageToken === "" ? undefined : openPageToken(pageTokenKeys, scope, pageToken);
  if (pageToken !== "" && after === undefined) {
    throw new Failure("PAGE_TOKEN_INVALID", {
      violations: [{ field: "page_token", description: "must be next_page_token of a request with the same filters" }],
    });
  }
  const now = clock.now();
  const { rows: tokens, more } = await fullPage<TokenSnapshot>(pageSize, async (size, last) => {
    const from = last ? last.token.id : after;
    const page = await store.list(filter, { size, ...(from && { after: from }) }, now);
    return { rows: page.tokens, more: page.more };
  });
  const last = tokens.at(-1);
  return { tokens, nextPageToken: more && last ? sealPageToken(pageTokenKeys, scope, last.token.id) : "" };
}

/**
 * Limits the filter to what the caller may see. Throws NOT_FOUND for a subject that a user may not see, so that it
 * looks like a subject that does not exist.
 */
async function visible(
  { rights, subjectTypes }: ListTokensOptions,
  caller: Caller,
  filter: ListTokensQuery["filter"],
): Promise<TokenFilter> {
  const { subjects } = ceilingsOf(caller);
  const cut: TokenFilter = { ...filter, ...(subjects && { subjects }) };
  if (caller.kind !== "user" || caller.admin) return cut;
  const { subject, organization } = filter;
  const owner = organization ?? (subject && typeOf(subject) === subjectTypes.organization ? subject : undefined);
  if (owner) {
    if (await rights.onOrganization(caller, owner, "read")) return cut;
    throw new Failure("NOT_FOUND");
  }
  if (subject !== undefined && subject !== caller.subject) throw new Failure("NOT_FOUND");
  return { ...cut, subject: caller.subject };
}
