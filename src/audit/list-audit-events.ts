import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import type { AuditAction, AuditEventId } from "../domain/audit-event.js";
import { Failure } from "../domain/errors.js";
import { fullPage } from "../domain/full-page.js";
import { type SubjectName, typeOf } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { Rank, TokenId } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";
import type { AuditEntry, AuditFilter, AuditStore } from "./audit-store.js";

export interface ListAuditEventsQuery {
  readonly filter: {
    readonly tokenId?: TokenId;
    readonly subject?: SubjectName;
    readonly organization?: SubjectName;
    readonly actor?: string;
    readonly actions?: readonly AuditAction[];
    readonly start?: Date;
    readonly end?: Date;
  };
  /** SHA-256 of a secret that somebody found, 32 bytes. */
  readonly secretSha256: Uint8Array | undefined;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

export interface ListedAuditEvents {
  readonly entries: readonly AuditEntry[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface ListAuditEventsOptions {
  readonly events: Pick<AuditStore, "list">;
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
  /** Returns the token of the secret with this SHA-256, also when the token has ended. */
  readonly findTokenBySecretSha256: (sha256: Uint8Array) => Promise<TokenId | undefined>;
  /** Keys of page tokens. The first seals new ones, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/**
 * Lists events, newest first. A page token is valid only for the caller and the filters that it was made for. A service
 * that is limited to some subjects sees only their events; a user sees those of a token or of an organization.
 */
export async function listAuditEvents(
  options: ListAuditEventsOptions,
  caller: Caller,
  query: ListAuditEventsQuery,
): Promise<ListedAuditEvents> {
  const { events, findTokenBySecretSha256, pageTokenKeys } = options;
  const { secretSha256, pageSize, pageToken } = query;
  const { filter: narrowed, rank } = await visible(options, caller, query);
  const sha256 = secretSha256 && Buffer.from(secretSha256).toString("hex");
  const scope = JSON.stringify(["events", actorOf(caller), narrowed, sha256]);
  const after = openPageToken(pageTokenKeys, scope, pageToken) as AuditEventId | undefined; // sealed below
  const filter = secretSha256 ? ofToken(narrowed, await findTokenBySecretSha256(secretSha256)) : narrowed;
  if (!filter) return { entries: [], nextPageToken: "" };
  const { rows: entries, more } = await fullPage<AuditEntry>(pageSize, async (size, last) => {
    const from = last ? last.event.id : after;
    const page = await events.list(filter, { size, ...(from && { after: from }) });
    return { rows: page.entries, more: page.more };
  });
  const last = entries.at(-1);
  return {
    entries: entries.map((entry) => (mayKnowAddress(caller, rank, entry) ? entry : withoutAddress(entry))),
    nextPageToken: more && last ? sealPageToken(pageTokenKeys, scope, last.event.id) : "",
  };
}

/**
 * Limits the filter to what the caller may see, and returns the caller's rank there. A user needs the right to read the
 * token or the organization, and never sees refused calls. Throws NOT_FOUND for what a user may not see, so that it
 * looks like something that does not exist.
 */
async function visible(
  { store, rights }: ListAuditEventsOptions,
  caller: Caller,
  { filter, secretSha256 }: ListAuditEventsQuery,
): Promise<{ readonly filter: AuditFilter; readonly rank: Rank }> {
  const { subjects } = ceilingsOf(caller);
  const cut: AuditFilter = { ...filter, ...(subjects && { subjects }) };
  if (caller.kind !== "user" || caller.admin) return { filter: cut, rank: "deployment" };
  if (secretSha256) throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "audit" } });
  const ofUsers: AuditFilter = { ...cut, exceptAction: "access.refused" };
  const { organization, tokenId } = filter;
  if (organization) {
    if (!(await rights.onOrganization(caller, organization, "read"))) throw new Failure("NOT_FOUND");
    return { filter: ofUsers, rank: "organization" };
  }
  if (tokenId) return { filter: ofUsers, rank: (await rights.require(store, caller, tokenId, "read")).rank };
  throw new Failure("INVALID_FIELD", {
    violations: [{ field: "token_id", description: "is required, unless organization is set" }],
  });
}

/**
 * Returns whether the caller may know the address that a call came from. Users know their own and those of the token
 * itself; administrators of an organization know those of all users. The addresses of services and of strangers that
 * report leaks are the deployment's.
 */
function mayKnowAddress(caller: Caller, rank: Rank, { event: { actor } }: AuditEntry): boolean {
  if (rank === "deployment" || actor === actorOf(caller) || actor.startsWith("token:")) return true;
  return rank === "organization" && caller.kind === "user" && actor.startsWith(`${typeOf(caller.subject)}:`);
}

function withoutAddress({ event, seal }: AuditEntry): AuditEntry {
  return { event: { ...event, clientIp: undefined }, seal };
}

/** Adds a token to a filter. Returns undefined when no event can match. */
function ofToken(filter: AuditFilter, tokenId: TokenId | undefined): AuditFilter | undefined {
  if (tokenId === undefined) return undefined;
  if (filter.tokenId !== undefined && filter.tokenId !== tokenId) return undefined;
  return { ...filter, tokenId };
}
