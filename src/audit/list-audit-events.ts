import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import { auditEventIdFromUuid, auditEventUuid } from "../domain/audit-event.js";
import { Failure } from "../domain/errors.js";
import { fullPage } from "../domain/full-page.js";
import type { SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { TokenId } from "../domain/token.js";
import type { AuditEntry, AuditFilter, AuditStore } from "./audit-store.js";

export interface ListAuditEventsQuery {
  readonly filter: {
    readonly tokenId?: TokenId;
    readonly subject?: SubjectName;
    readonly actor?: string;
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
  /** Returns the token of the secret with this SHA-256, also when the token has ended. */
  readonly findTokenBySecretSha256: (sha256: Uint8Array) => Promise<TokenId | undefined>;
  /** Keys of page tokens. The first seals new ones, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/**
 * Lists events, newest first. A page token is valid only for the caller and the filters that it was made for. A service
 * that is limited to some subjects sees only their events.
 */
export async function listAuditEvents(
  options: ListAuditEventsOptions,
  caller: Caller,
  { filter: asked, secretSha256, pageSize, pageToken }: ListAuditEventsQuery,
): Promise<ListedAuditEvents> {
  const { events, findTokenBySecretSha256, pageTokenKeys } = options;
  const { subjects } = ceilingsOf(caller);
  const narrowed: AuditFilter = { ...asked, ...(subjects && { subjects }) };
  const sha256 = secretSha256 && Buffer.from(secretSha256).toString("hex");
  const scope = JSON.stringify(["audit events", actorOf(caller), narrowed, sha256]);
  // A page token holds the 16 bytes of a UUID; its type is that of a token id, also for events.
  const position = pageToken === "" ? undefined : openPageToken(pageTokenKeys, scope, pageToken);
  if (pageToken !== "" && position === undefined) {
    throw new Failure("PAGE_TOKEN_INVALID", {
      violations: [{ field: "page_token", description: "must be next_page_token of a request with the same filters" }],
    });
  }
  const filter = secretSha256 ? ofToken(narrowed, await findTokenBySecretSha256(secretSha256)) : narrowed;
  if (!filter) return { entries: [], nextPageToken: "" };
  const after = position && auditEventIdFromUuid(toUuid(position));
  const { rows: entries, more } = await fullPage<AuditEntry>(pageSize, async (size, last) => {
    const from = last ? last.event.id : after;
    const page = await events.list(filter, { size, ...(from && { after: from }) });
    return { rows: page.entries, more: page.more };
  });
  const last = entries.at(-1);
  return {
    entries,
    nextPageToken:
      more && last ? sealPageToken(pageTokenKeys, scope, tokenIdFromUuid(auditEventUuid(last.event.id))) : "",
  };
}

/** Adds a token to a filter. Returns undefined when no event can match. */
function ofToken(filter: AuditFilter, tokenId: TokenId | undefined): AuditFilter | undefined {
  if (tokenId === undefined) return undefined;
  if (filter.tokenId !== undefined && filter.tokenId !== tokenId) return undefined;
  return { ...filter, tokenId };
}
