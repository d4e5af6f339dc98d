import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { fullPage } from "../domain/full-page.js";
import { type SubjectTypes, typeOf } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type {
  ListedToken,
  TokenCounts,
  TokenFilter,
  TokenOrder,
  TokenPosition,
  TokenSnapshot,
  TokenStore,
} from "../domain/token-store.js";

/** The filter of a caller. The limits of the calling service are added to it. */
export type AskedFilter = Omit<TokenFilter, "subjects" | "ids">;

export interface ListTokensQuery {
  readonly filter: AskedFilter;
  readonly order: TokenOrder;
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
 * Lists tokens in an order. A page token is valid only for the caller, the filters and the order that it was made for;
 * page sizes may differ. A token whose place does not change meanwhile is on exactly one page.
 */
export async function listTokens(
  options: ListTokensOptions,
  caller: Caller,
  { filter: asked, order, pageSize, pageToken }: ListTokensQuery,
): Promise<ListedTokens> {
  const { store, clock, pageTokenKeys } = options;
  const filter = await visible(options, caller, asked);
  const scope = JSON.stringify(["tokens", actorOf(caller), filter, order]);
  const position = openPageToken(pageTokenKeys, scope, pageToken);
  const after = position === undefined ? undefined : (JSON.parse(position) as TokenPosition); // sealed below
  const now = clock.now();
  const { rows: tokens, more } = await fullPage<ListedToken>(pageSize, async (size, last) => {
    const from = last ? last.position : after;
    const page = await store.list(filter, { size, order, ...(from && { after: from }) }, now);
    return { rows: page.tokens, more: page.more };
  });
  const last = tokens.at(-1);
  const next = more && last ? sealPageToken(pageTokenKeys, scope, JSON.stringify(last.position)) : "";
  return { tokens, nextPageToken: next };
}

/** The tokens that summaries count as expiring: those that end within this time, milliseconds. */
const expiringMs = 7 * 86_400_000;
/** The tokens that summaries count as unused: those that were not used for this time, milliseconds. */
const unusedMs = 90 * 86_400_000;

/** Counts the tokens that a list with the same filter would show. */
export async function summarizeTokens(
  options: Omit<ListTokensOptions, "store" | "pageTokenKeys"> & { readonly store: Pick<TokenStore, "summarize"> },
  caller: Caller,
  asked: AskedFilter,
): Promise<TokenCounts> {
  const filter = await visible(options, caller, asked);
  const now = options.clock.now();
  const limits = {
    expireBefore: new Date(now.getTime() + expiringMs),
    unusedSince: new Date(now.getTime() - unusedMs),
  };
  return options.store.summarize(filter, limits, now);
}

/**
 * Limits the filter to what the caller may see. Throws NOT_FOUND for a subject that a user may not see, so that it
 * looks like a subject that does not exist.
 */
async function visible(
  { rights, subjectTypes }: Pick<ListTokensOptions, "rights" | "subjectTypes">,
  caller: Caller,
  filter: AskedFilter,
): Promise<TokenFilter> {
  const { subjects } = ceilingsOf(caller);
  const cut: TokenFilter = { ...filter, ...(subjects && { subjects }) };
  if (caller.kind !== "user" || caller.admin) return cut;
  const { subject, organization } = filter;
  if (subject === caller.subject) return cut;
  const owner = organization ?? (subject && typeOf(subject) === subjectTypes.organization ? subject : undefined);
  if (owner) {
    if (await rights.onOrganization(caller, owner, "read")) return cut;
    throw new Failure("NOT_FOUND");
  }
  if (subject !== undefined) throw new Failure("NOT_FOUND");
  return { ...cut, subject: caller.subject };
}
