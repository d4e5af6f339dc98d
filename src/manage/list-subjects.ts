import { actorOf, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Clock } from "../domain/clock.js";
import type { SubjectName } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { SubjectFilter, SubjectStore, SubjectWithTokens } from "../domain/subject-store.js";

export interface ListSubjectsQuery {
  readonly filter: Omit<SubjectFilter, "subjects">;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface ListedSubjects {
  /** By name. */
  readonly subjects: readonly SubjectWithTokens[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface ListSubjectsOptions {
  readonly subjects: Pick<SubjectStore, "list">;
  readonly clock: Clock;
  /** Keys that page tokens are authenticated with; the first seals, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/** Lists the subjects that the caller may manage. A page token is valid only for the caller and the filters. */
export async function listSubjects(
  { subjects: store, clock, pageTokenKeys }: ListSubjectsOptions,
  caller: Caller,
  { filter: asked, pageSize, pageToken }: ListSubjectsQuery,
): Promise<ListedSubjects> {
  const { subjects: admitted } = ceilingsOf(caller);
  const filter: SubjectFilter = { ...asked, ...(admitted && { subjects: admitted }) };
  const scope = JSON.stringify(["subjects", actorOf(caller), filter]);
  const after = openPageToken(pageTokenKeys, scope, pageToken) as SubjectName | undefined; // sealed below
  const { subjects, more } = await store.list(filter, { size: pageSize, ...(after && { after }) }, clock.now());
  const last = subjects.at(-1);
  const next = more && last ? sealPageToken(pageTokenKeys, scope, last.name) : "";
  return { subjects, nextPageToken: next };
}
