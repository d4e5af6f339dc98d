import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { Failure } from "../domain/errors.js";
import { type SubjectTypes, typeOf } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { TokenStore } from "../domain/token-store.js";
import type { UsageFilter, UsagePosition, UsageQuery, UsageRow, UsageStore } from "./usage-store.js";

export interface QueryUsageQuery extends Omit<UsageQuery, "filter"> {
  /** Only hours that begin at or after `start` and before `end`. */
  readonly filter: Omit<UsageFilter, "subjects">;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface QueriedUsage {
  readonly rows: readonly UsageRow[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface QueryUsageOptions {
  readonly usage: Pick<UsageStore, "query">;
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
  readonly subjectTypes: SubjectTypes;
  /** Keys that authenticate page tokens. The first seals new ones; all can open them. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/**
 * Returns usage sorted by time and then by the dimensions. A page token is valid only for the caller and the query that
 * it was made for; page sizes may differ.
 */
export async function queryUsage(
  options: QueryUsageOptions,
  caller: Caller,
  { pageSize, pageToken, ...asked }: QueryUsageQuery,
): Promise<QueriedUsage> {
  const { usage, pageTokenKeys } = options;
  const filter = await visible(options, caller, inWholeHours(asked.filter));
  const query: UsageQuery = { ...asked, filter };
  const scope = JSON.stringify(["usage", actorOf(caller), filter, query.granularity, [...query.groupBy].sort()]);
  const after = openPageToken(pageTokenKeys, scope, pageToken);
  const position = after === undefined ? undefined : (JSON.parse(after) as UsagePosition); // sealed below
  const { rows, next } = await usage.query(query, { size: pageSize, ...(position && { after: position }) });
  return { rows, nextPageToken: next ? sealPageToken(pageTokenKeys, scope, JSON.stringify(next)) : "" };
}

const hourMs = 3_600_000;
/** The last hour of the supported years: the next one cannot be written as a database or JSON text. */
const lastHourMs = Date.UTC(9999, 11, 31, 23);

/** Rounds the times to whole hours: the same hours begin within them. */
function inWholeHours({ start, end, ...filter }: QueryUsageQuery["filter"]): QueryUsageQuery["filter"] {
  const up = (time: Date): Date => new Date(Math.min(lastHourMs, Math.ceil(time.getTime() / hourMs) * hourMs));
  return { ...filter, ...(start && { start: up(start) }), ...(end && { end: up(end) }) };
}

/** Restricts the filter to what the caller may see. Anything else is treated as if it did not exist. */
async function visible(
  { rights, store, subjectTypes }: QueryUsageOptions,
  caller: Caller,
  filter: QueryUsageQuery["filter"],
): Promise<UsageFilter> {
  const { subjects } = ceilingsOf(caller);
  const cut: UsageFilter = { ...filter, ...(subjects && { subjects }) };
  if (caller.kind !== "user" || caller.admin) return cut;
  const { tokenId, subject, organization } = filter;
  if (tokenId) {
    await rights.require(store, caller, tokenId, "read");
    return cut;
  }
  const owner = organization ?? (subject && typeOf(subject) === subjectTypes.organization ? subject : undefined);
  if (owner) {
    if (await rights.onOrganization(caller, owner, "read")) return cut;
    throw new Failure("NOT_FOUND");
  }
  if (subject !== undefined && subject !== caller.subject) throw new Failure("NOT_FOUND");
  return { ...cut, subject: caller.subject };
}
