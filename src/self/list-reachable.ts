import { actorOf, type Caller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { type ReachOptions, type ReachQuestion, reach } from "../check/reach.js";
import { policyBlockers } from "../check/token-rules.js";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import type { ResourceName, Subject } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { ResourcePage } from "../domain/permission-checker.js";
import type { Grant, TokenId } from "../domain/token.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";
import { kinds } from "../manage/rules/new-token.js";

export interface ReachableQuery extends Pick<ReachQuestion, "type" | "action"> {
  /** A subject cut by a grant, or a stored token. */
  readonly of:
    | { readonly kind: "subject"; readonly subject: Subject; readonly grant: Grant }
    | { readonly kind: "token"; readonly id: TokenId };
  /** A part of the id, in any case. Empty: all resources. */
  readonly query: string;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface ReachablePage {
  /** By name. */
  readonly resources: readonly ResourceName[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** Whether there may be more than OpenFGA has found. */
  readonly incomplete: boolean;
}

export interface ListReachableOptions extends ReachOptions {
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
  /** Keys that page tokens are authenticated with; the first seals, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/**
 * Lists by name the resources that a subject or a token reaches, past every cache. Neither the state of a token nor its
 * networks matter. Throws NOT_FOUND for whom the caller may not see, and when OpenFGA fails.
 */
export async function listReachable(
  options: ListReachableOptions,
  caller: Caller,
  query: ReachableQuery,
  call: CallOptions & { readonly signal: AbortSignal },
): Promise<ReachablePage> {
  const { pageTokenKeys } = options;
  const { pageSize, pageToken, ...asked } = query;
  const scope = JSON.stringify(["reachable", actorOf(caller), asked]);
  const after = openPageToken(pageTokenKeys, scope, pageToken) ?? "";
  const reaching = await reachingOf(options, caller, query);
  if (!reaching) return { resources: [], nextPageToken: "", incomplete: false };
  const { type, action } = query;
  const listing = await reach(
    options,
    reaching,
    { type, action, clientAddress: undefined, consistency: "higher" },
    call,
  );
  if (listing instanceof Failure) throw listing;
  const part = query.query.toLowerCase();
  // The prefix is `type:`, so only the id is searched.
  const matches = (name: ResourceName) => name > after && name.toLowerCase().includes(part, type.length + 1);
  const { first, incomplete } = await firstByName(listing.pages, matches, pageSize + 1);
  const resources = first.slice(0, pageSize);
  const last = resources.at(-1);
  const more = first.length > resources.length && last !== undefined;
  return { resources, nextPageToken: more ? sealPageToken(pageTokenKeys, scope, last) : "", incomplete };
}

/** Returns who reaches something, or undefined for a token with which the policy allows nothing of it. */
async function reachingOf(
  { store, rights }: ListReachableOptions,
  caller: Caller,
  { of, action }: ReachableQuery,
): Promise<Pick<ResolvedToken, "subject" | "organization" | "grant"> | undefined> {
  if (of.kind === "token") {
    const { snapshot } = await rights.require(store, caller, of.id, "read");
    return policyBlockers(snapshot, action).length === 0 ? snapshot.token : undefined;
  }
  const { name: subject, kind } = of.subject;
  const owner = { subject, organization: undefined, kind: kinds[kind] };
  if (!(await rights.rankOn(caller, owner, "read"))) throw new Failure("NOT_FOUND");
  return { ...owner, grant: of.grant };
}

/** Returns the first names in order. Remembers at most some pages of names, however many there are. */
async function firstByName(
  pages: AsyncIterable<ResourcePage>,
  matches: (name: ResourceName) => boolean,
  size: number,
): Promise<{ readonly first: readonly ResourceName[]; readonly incomplete: boolean }> {
  let first: ResourceName[] = [];
  let incomplete = false;
  const cut = () => {
    first = first.sort().slice(0, size);
  };
  for await (const page of pages) {
    incomplete = page.incomplete;
    first.push(...page.resources.filter(matches));
    if (first.length > 2 * size) cut();
  }
  cut();
  return { first, incomplete };
}
