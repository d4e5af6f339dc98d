import { and, eq, gt, isNotNull, isNull, lt, lte, ne, not, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Policy } from "../domain/policy.js";
import type { TokenState } from "../domain/state.js";
import type { TokenFilter } from "../domain/token-store.js";
import { lastUse } from "./last-use.js";
import { token, tokenSecret } from "./token-table.js";

/** Returns the conditions of a filter, or undefined when it has none. */
export function matching(filter: TokenFilter, now: Date): SQL | undefined {
  return and(
    filter.kind && eq(token.kind, filter.kind),
    filter.subject && eq(token.subject, filter.subject),
    filter.subjects && or(...filter.subjects.map((entry) => subjectMatches(token.subject, entry)), sql`false`),
    filter.organization && or(eq(token.organization, filter.organization), eq(token.subject, filter.organization)),
    filter.states && or(...filter.states.map((state) => inState(state, now)), sql`false`),
    filter.createdBy === undefined ? undefined : eq(token.createdBy, filter.createdBy),
    filter.createdBefore && lt(token.createdAt, filter.createdBefore),
    filter.expireBefore && lt(token.expiresAt, filter.expireBefore),
    filter.unusedSince && isUnusedSince(filter.unusedSince),
  );
}

/**
 * Matches all subjects of a type when the entry ends in `:`, otherwise just the subject of that name:
 * `organization:acme` is not `organization:acme2`.
 */
export function subjectMatches(subject: PgColumn, entry: string): SQL {
  // starts_with, not LIKE: identifiers may contain `_`, which LIKE treats as a wildcard.
  return entry.endsWith(":") ? sql`starts_with(${subject}, ${entry})` : eq(subject, entry);
}

/** Matches tokens that were not used since `time`. A token that was never used counts from when it became usable. */
function isUnusedSince(time: Date): SQL {
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
export function blockedByPolicy(policy: Policy): SQL | undefined {
  const { blockAll, requireExpiry, maxLifetimeMs, forbidFull, requireOrganization } = policy;
  const longest = sql`${tokenSecret.createdAt} + ${maxLifetimeMs}::float8 * interval '1 millisecond'`;
  return or(
    blockAll ? sql`true` : sql`false`,
    requireExpiry ? isNull(token.expiresAt) : undefined,
    maxLifetimeMs === undefined ? undefined : or(isNull(token.expiresAt), sql`${token.expiresAt} > ${longest}`),
    forbidFull ? sql`${token.grant} @> '{"full": true}'` : undefined,
    requireOrganization ? and(eq(token.kind, "pat"), isNull(token.organization)) : undefined,
  );
}
