import { and, eq, gt, inArray, isNotNull, isNull, lt, lte, ne, not, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { toUuid } from "../domain/ids.js";
import type { Policy } from "../domain/policy.js";
import type { TokenState } from "../domain/state.js";
import type { TokenFilter } from "../domain/token-store.js";
import { lastUse } from "./last-use.js";
import { policy } from "./policy.js";
import { subject } from "./subject-table.js";
import { containsText } from "./token-search.js";
import { token, tokenSecret } from "./token-table.js";

/** Returns the conditions of a filter, or undefined when it has none. */
export function matching(filter: TokenFilter, now: Date): SQL | undefined {
  return and(
    filter.ids && inArray(token.id, filter.ids.map(toUuid)),
    filter.kind && eq(token.kind, filter.kind),
    filter.subject && eq(token.subject, filter.subject),
    filter.subjects && or(...filter.subjects.map((entry) => subjectMatches(token.subject, entry)), sql`false`),
    filter.organization && or(eq(token.organization, filter.organization), eq(token.subject, filter.organization)),
    filter.states && or(...filter.states.map((state) => inState(state, now)), sql`false`),
    filter.createdBy === undefined ? undefined : eq(token.createdBy, filter.createdBy),
    filter.createdBefore && lt(token.createdAt, filter.createdBefore),
    filter.expireBefore && lt(token.expiresAt, filter.expireBefore),
    filter.unusedSince && isUnusedSince(filter.unusedSince),
    filter.query === undefined ? undefined : containsText(filter.query),
    isIt(filter.bound, isNotNull(token.organization)),
    isIt(filter.blocked, isBlocked(now)),
    isIt(filter.full, isFull),
    isIt(filter.neverExpires, isNull(token.expiresAt)),
    filter.revocationReasons && inArray(token.revocationReason, [...filter.revocationReasons]),
  );
}

/** Returns the condition, its opposite, or nothing. The condition must never be null. */
function isIt(wanted: boolean | undefined, condition: SQL): SQL | undefined {
  return wanted === undefined ? undefined : wanted ? condition : not(condition);
}

/**
 * Matches all subjects of a type when the entry ends in `:`, otherwise just the subject of that name:
 * `organization:acme` is not `organization:acme2`.
 */
export function subjectMatches(subject: PgColumn, entry: string): SQL {
  // starts_with, not LIKE: identifiers may contain `_`, which LIKE treats as a wildcard.
  return entry.endsWith(":") ? sql`starts_with(${subject}, ${entry})` : eq(subject, entry);
}

/** Matches tokens whose grant is full. */
export const isFull = sql`${token.grant} @> '{"full": true}'`;

/** Matches tokens that were not used since `time`. A token that was never used counts from when it became usable. */
export function isUnusedSince(time: Date): SQL {
  const since = sql`${time.toISOString()}::timestamptz`;
  const usableFrom = sql`greatest(${token.createdAt}, ${token.notBefore}, ${token.decidedAt})`; // leaves out nulls
  const used = sql`exists (select from ${lastUse} where ${lastUse.id} = ${token.id} and ${lastUse.usedAt} >= ${since})`;
  return sql`(${usableFrom} < ${since} and not ${used})`;
}

const notDenied = or(isNull(token.approval), ne(token.approval, "denied"));
const decided = or(isNull(token.approval), eq(token.approval, "approved"));
const notRevoked = isNull(token.revokedAt);
const notSuspended = isNull(token.suspendedAt);

/** Returns the rules of domain/state.ts in SQL, in the same order: the first rule that matches decides the state. */
export function inState(state: TokenState, now: Date): SQL | undefined {
  switch (state) {
    case "REVOKED":
      return isNotNull(token.revokedAt);
    case "DENIED":
      return and(notRevoked, eq(token.approval, "denied"));
    case "SUSPENDED":
      return and(notRevoked, notDenied, isNotNull(token.suspendedAt));
    case "PENDING_APPROVAL":
      return and(notRevoked, notSuspended, eq(token.approval, "pending"));
    case "EXPIRED":
      return and(notRevoked, notSuspended, decided, or(token.expired, lte(token.expiresAt, now)));
    case "ACTIVE":
      return and(
        notRevoked,
        notSuspended,
        decided,
        not(token.expired),
        or(isNull(token.expiresAt), gt(token.expiresAt, now)),
      );
  }
}

/** Matches tokens that are neither revoked, denied nor expired at `now`. */
export function isLive(now: Date): SQL | undefined {
  return or(...(["ACTIVE", "SUSPENDED", "PENDING_APPROVAL"] as const).map((state) => inState(state, now)));
}

/** Returns the rules of `blockedBy` of domain/policy.ts in SQL, for a token and its current secret. */
export function blockedByPolicy(fields: Policy): SQL {
  return blockedByFields(sql`${JSON.stringify(fields)}::text::jsonb`);
}

/** Does the same for a policy that is stored in the database. Null without a policy. */
function blockedByFields(fields: SQL | PgColumn): SQL {
  const longest = sql`(${fields} ->> 'maxLifetimeMs')::float8 * interval '1 millisecond'`;
  const ends = sql`${token.expiresAt} is not null`;
  return sql`(
    ${fields} @> '{"blockAll": true}'
    or ${fields} @> '{"requireExpiry": true}' and not ${ends}
    or ${fields} -> 'maxLifetimeMs' is not null
      and not (${ends} and ${token.expiresAt} <= ${tokenSecret.createdAt} + ${longest})
    or ${fields} @> '{"forbidFull": true}' and ${isFull}
    or ${fields} @> '{"requireOrganization": true}' and ${token.kind} = 'pat' and ${token.organization} is null
  )`;
}

/** Matches tokens that can be used now as far as their own facts and their subjects go, but that a policy blocks. */
export function isBlocked(now: Date): SQL {
  const deployment = sql`case ${token.kind} when 'pat' then 'user' else 'organization' end`;
  const own = sql`case ${token.kind} when 'pat' then coalesce(${token.organization}, '') else ${token.subject} end`;
  const subjectOf = (column: PgColumn, condition: SQL) =>
    sql`exists (select from ${subject} where ${subject.name} = ${column} and ${condition})`;
  const inactive = sql`${subject.state} <> 'ACTIVE'`;
  // PostgreSQL looks such conditions up in a hash table where there are many tokens, but for the last, which few
  // subjects need: a generation is 1 until a subject is deleted.
  const bySubject = sql`(
    ${subjectOf(token.subject, inactive)} or ${subjectOf(token.organization, inactive)}
    or ${subjectOf(token.subject, sql`${subject.generation} > 1`)}
      and ${subjectOf(token.subject, sql`${subject.generation} <> ${token.generation}`)}
  )`;
  const byEither = sql`exists (
    select from ${policy}, ${tokenSecret}
    where ${policy.scope} in (${deployment}, ${own})
      and ${tokenSecret.tokenId} = ${token.id} and ${tokenSecret.retiresAt} is null
      and ${blockedByFields(policy.fields)}
  )`;
  // Limits of the deployment and of the organization that have nothing in common block too (`stricter`). They are
  // compared once, not for each token.
  const byBoth = sql`(${deployment}, ${own}) in (
    select deployment.scope, own.scope from ${policy} deployment, ${policy} own
    where deployment.scope in ('user', 'organization') and own.scope not in ('user', 'organization') and (
      ${nothingInCommon("allowedActions", sql`a = b`)} or ${nothingInCommon("allowedCidrs", sql`a::inet && b::inet`)}
    )
  )`;
  const begun = sql`(${token.notBefore} is null or ${lte(token.notBefore, now)})`;
  return sql`(${inState("ACTIVE", now)} and ${begun} and not ${bySubject} and (${byEither} or ${byBoth}))`;
}

function nothingInCommon(field: string, same: SQL): SQL {
  const listOf = (name: string) => sql.raw(`${name}.fields -> '${field}'`);
  return sql`(
    ${listOf("deployment")} is not null and ${listOf("own")} is not null and not exists (
      select from jsonb_array_elements_text(${listOf("deployment")}) a, jsonb_array_elements_text(${listOf("own")}) b
      where ${same}
    )
  )`;
}
