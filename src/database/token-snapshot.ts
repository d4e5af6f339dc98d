import { and, inArray, isNotNull, sql } from "drizzle-orm";
import { tokenIdFromUuid } from "../domain/ids.js";
import { noPolicy } from "../domain/policy.js";
import type { SecretId, SecretRecord, TokenId, TokenRecord } from "../domain/token.js";
import type { TokenContext, TokenSnapshot } from "../domain/token-store.js";
import type { Transaction } from "./change.js";
import { ms } from "./columns.js";
import type { Statements } from "./drizzle.js";
import { onlyRow } from "./errors.js";
import { effectivePolicy, policy, policyOfText } from "./policy.js";
import { subject, subjectFacts } from "./subject-table.js";
import { type SecretRow, secretRecord, type TokenRow, tokenRecord } from "./token-table.js";

/** The secrets that are shown: two live ones, and the last five that ended. */
const secretsShown = 7;

type Reader = Pick<Transaction, "select">;
type Owner = Pick<TokenRecord, "kind" | "subject" | "organization">;

/** Returns the scopes of the policies that apply to a token: the deployment's for its kind, and its organization's. */
function scopesOf({ kind, subject: owner, organization }: Owner): {
  readonly deployment: string;
  readonly own: string;
} {
  return kind === "pat" ? { deployment: "user", own: organization ?? "" } : { deployment: "organization", own: owner };
}

/** Reads the states of subjects and the policies that apply to tokens, in two statements for any number of tokens. */
export async function readContexts(reader: Reader, owners: readonly Owner[]): Promise<(owner: Owner) => TokenContext> {
  const names = new Set(
    owners.flatMap(({ subject: name, organization }) => [name, ...(organization ? [organization] : [])]),
  );
  const scopes = new Set(owners.flatMap((owner) => Object.values(scopesOf(owner))));
  const [subjects, policies] = await Promise.all([
    reader
      .select()
      .from(subject)
      .where(inArray(subject.name, [...names])),
    reader
      .select({ scope: policy.scope, fields: sql<string>`${policy.fields}::text` })
      .from(policy)
      .where(and(inArray(policy.scope, [...scopes]), isNotNull(policy.fields))),
  ]);
  return contexts(subjects, policies);
}

type SubjectRow = Pick<typeof subject.$inferSelect, "name" | "state" | "generation">;
type PolicyRow = { readonly scope: string; readonly fields: string };

function contexts(subjects: readonly SubjectRow[], policies: readonly PolicyRow[]): (owner: Owner) => TokenContext {
  const subjectsByName = new Map(subjects.map((row) => [row.name, row]));
  const policiesByScope = new Map(
    policies.map(({ scope, fields }) => [scope, { fields, policy: policyOfText(fields) }]),
  );
  const factsOf = (name: string) => subjectFacts(subjectsByName.get(name));
  return (owner) => {
    const { deployment, own } = scopesOf(owner);
    const [deploymentRow, ownRow] = [policiesByScope.get(deployment), policiesByScope.get(own)];
    return {
      subjects: {
        subject: factsOf(owner.subject),
        organization: owner.organization && factsOf(owner.organization),
      },
      policies: [
        { scope: deployment, policy: deploymentRow?.policy ?? noPolicy },
        ...(ownRow ? [{ scope: own, policy: ownRow.policy }] : []),
      ],
      // Computed for each pair of policies, not for each token: two long lists of ranges are expensive to compare.
      policy: effectivePolicy(deploymentRow?.fields ?? null, ownRow?.fields ?? null),
    };
  };
}

/**
 * Everything around these tokens, in one snapshot, as JSON. One parameter for any number of tokens, so that there is
 * one prepared statement; `any` would read its text again for each row. An id begins with the time of the replica that
 * created it, so ids do not tell which secret is newer.
 */
const surroundingsStatement = `
  with given as materialized (
    select unnest(($1::text)::uuid[]) as id
  ), wanted as (
    select id, kind, subject, organization from token where id in (select id from given)
  ), secret as (
    select * from (
      select id, token_id, pepper_version, hint, created_at, retires_at, ended,
        extract(epoch from clock_timestamp() - stored_at) * 1000 as age_ms,
        row_number() over (partition by token_id order by retires_at desc nulls first, id desc) as place
      from token_secret where token_id in (select id from given)
    ) ranked
    where place <= ${secretsShown}
  )
  select json_build_object(
    'secrets', (
      select json_agg(json_build_object(
        'id', id, 'tokenId', token_id, 'pepperVersion', pepper_version, 'hint', hint, 'createdMs', ${ms("created_at")},
        'retiresMs', ${ms("retires_at")}, 'ended', ended, 'ageMs', age_ms
      ) order by place) from secret
    ),
    'lastUses', (
      select json_agg(json_build_object('id', id, 'usedMs', ${ms("used_at")}, 'address', address)) from last_use
      where id in (select id from wanted union all select id from secret)
    ),
    'residuals', (
      select json_agg(json_build_object('tokenId', token_id, 'untilMs', ${ms("until")})) from token_residual
      where token_id in (select id from wanted)
    ),
    'subjects', (
      select json_agg(json_build_object('name', name, 'state', state, 'generation', generation)) from subject
      where name in (select subject from wanted union select organization from wanted)
    ),
    'policies', (
      select json_agg(json_build_object('scope', scope, 'fields', fields::text)) from policy
      where fields is not null and scope in (
        select case kind when 'pat' then 'user' else 'organization' end from wanted
        union select case kind when 'pat' then organization else subject end from wanted
      )
    )
  )::text as surroundings`;

interface Surroundings {
  readonly secrets: readonly SecretJson[] | null;
  readonly lastUses:
    | readonly { readonly id: string; readonly usedMs: number; readonly address: string | null }[]
    | null;
  readonly residuals: readonly { readonly tokenId: string; readonly untilMs: number }[] | null;
  readonly subjects: readonly SubjectRow[] | null;
  readonly policies: readonly PolicyRow[] | null;
}

interface SecretJson extends Pick<SecretRow, "id" | "tokenId" | "pepperVersion" | "hint" | "ended"> {
  readonly createdMs: number;
  readonly retiresMs: number | null;
  readonly ageMs: number;
}

/** Makes the snapshots of tokens from their rows. */
export type SnapshotsOf = (rows: readonly TokenRow[]) => readonly TokenSnapshot[];

/**
 * Reads what is around the tokens with these ids. Sends its statement before it returns, so that one for the rows
 * themselves can be sent with it.
 *
 * @param lock The answer to a statement sent before this one, which waits behind it. Ages count from then on: by the
 *   time that it waited, a secret would seem older than it is.
 */
export async function readSurroundings(
  run: Statements["run"],
  uuids: readonly string[],
  lock?: Promise<unknown>,
): Promise<SnapshotsOf> {
  let begunMs = performance.now();
  const begin = (): void => {
    begunMs = performance.now();
  };
  lock?.then(begin, begin);
  const answer = await run<{ readonly surroundings: string }>(surroundingsStatement, [`{${uuids.join(",")}}`]);
  const found: Surroundings = JSON.parse(onlyRow(answer).surroundings);
  return (rows) => snapshots(rows, found, begunMs);
}

/** Reads the snapshots of tokens whose rows were read. Keeps their order. */
export async function readSnapshots(
  run: Statements["run"],
  rows: readonly TokenRow[],
): Promise<readonly TokenSnapshot[]> {
  if (rows.length === 0) return [];
  const uuids = rows.map(({ id }) => id);
  return (await readSurroundings(run, uuids))(rows);
}

function snapshots(
  rows: readonly TokenRow[],
  { secrets, lastUses, residuals, subjects, policies }: Surroundings,
  begunMs: number,
): readonly TokenSnapshot[] {
  const records = new Map(rows.map((row) => [row.id, { ...tokenRecord(row), secrets: [] as SecretRecord[] }]));
  const storedMs = new Map<string, number>();
  const ids = new Map<string, TokenId | SecretId>(rows.map(({ id }) => [id, tokenIdFromUuid(id)]));
  for (const { createdMs, retiresMs, ageMs, ...secret } of secrets ?? []) {
    const record = secretRecord({
      ...secret,
      createdAt: new Date(createdMs),
      retiresAt: retiresMs === null ? null : new Date(retiresMs),
    });
    records.get(secret.tokenId)?.secrets.push(record);
    ids.set(secret.id, record.id);
    if (retiresMs === null) storedMs.set(secret.tokenId, begunMs - ageMs);
  }
  const uses = new Map(
    lastUses?.flatMap(({ id, usedMs, address }) => {
      const used = ids.get(id);
      return used ? [[used, { time: new Date(usedMs), address: address ?? undefined }] as const] : [];
    }),
  );
  const untilMs = new Map(residuals?.map((residual) => [residual.tokenId, residual.untilMs]));
  const contextOf = contexts(subjects ?? [], policies ?? []);
  return [...records].map(([uuid, record]) => {
    const [secretStoredMs, residualMs] = [storedMs.get(uuid), untilMs.get(uuid)];
    return {
      token: record,
      lastUses: uses,
      ...(secretStoredMs !== undefined && { secretStoredMs }),
      ...(residualMs !== undefined && { residualUntil: new Date(residualMs) }),
      ...contextOf(record),
    };
  });
}
