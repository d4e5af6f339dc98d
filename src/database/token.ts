import { and, count, eq, gt, inArray, isNull, lt, not, type SQL, sql } from "drizzle-orm";
import type { SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { type ListedToken, newestFirst, type TokenStore } from "../domain/token-store.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { lastUse } from "./last-use.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";
import { requests } from "./request.js";
import { residuals } from "./residual.js";
import { tokenChanges } from "./token-changes.js";
import { blockedByPolicy, inState, isBlocked, isFull, isLive, isUnusedSince, matching } from "./token-conditions.js";
import { tokenLookup } from "./token-lookup.js";
import { inOrder, isAfter, keyOf } from "./token-order.js";
import { readContexts, readSnapshots } from "./token-snapshot.js";
import { token, tokenSecret } from "./token-table.js";

/** Stores tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore {
  return {
    ...tokenLookup(database),
    ...tokenReads(database),
    ...tokenChanges(database),
    ...residuals(database),
    ...requests(database),
  };
}

type Reads = Pick<
  TokenStore,
  "context" | "get" | "list" | "count" | "summarize" | "countBlocked" | "owners" | "findByDigest"
>;

function tokenReads(database: Database): Reads {
  return {
    async context(owner) {
      const contextOf = await guarded(() => readContexts(database.orm, [owner]));
      return contextOf(owner);
    },

    async get(id) {
      const [found] = await guarded(async () =>
        readSnapshots(
          database.orm,
          rowsFromPrimary(
            await database.orm
              .select({ standby, row: token })
              .from(answeringServer)
              .leftJoin(token, eq(token.id, toUuid(id))),
          ).flatMap(({ row }) => row ?? []),
        ),
      );
      return found;
    },

    async list(filter, { size, after, order = newestFirst }, now) {
      // A list that no index orders or finds may have to read every token.
      const quick = order.by === "create_time" && filter.query === undefined && filter.blocked === undefined;
      const read: Database["scan"] = quick ? (reading) => reading(database.orm) : database.scan;
      return guarded(async () => {
        const rows = await read((orm) =>
          orm
            .select({ token, usedAt: lastUse.usedAt })
            .from(token)
            .leftJoin(lastUse, eq(lastUse.id, token.id))
            .where(and(matching(filter, now), after && isAfter(order, after)))
            .orderBy(...inOrder(order))
            .limit(size + 1),
        );
        const page = rows.slice(0, size);
        const snapshots = await readSnapshots(
          database.orm,
          page.map((row) => row.token),
        );
        const tokens = snapshots.map((snapshot, index): ListedToken => {
          const row = page[index];
          return { ...snapshot, position: { id: snapshot.token.id, key: row ? keyOf(order, row) : "" } };
        });
        return { tokens, more: rows.length > size };
      });
    },

    async count(filter, now) {
      const rows = await guarded(() =>
        database.scan((orm) => orm.select({ count: count() }).from(token).where(matching(filter, now))),
      );
      return onlyRow(rows).count;
    },

    async summarize(filter, { expireBefore, unusedSince }, now) {
      const number = (...conditions: readonly (SQL | undefined)[]) =>
        sql<number>`count(*) filter (where ${and(...conditions) ?? sql`true`})`.mapWith(Number);
      const live = isLive(now);
      // Within count(*), PostgreSQL would run a subquery once for each row, as it expects one row. So they are in a
      // query of their own, which `offset 0` keeps apart.
      const found = sql`(
        select ${token}.*, ${and(live, isUnusedSince(unusedSince))} as is_unused, ${isBlocked(now)} as is_blocked
        from ${token} where ${matching(filter, now) ?? sql`true`} offset 0
      ) as ${token}`;
      const rows = await guarded(() =>
        database.scan((orm) =>
          orm
            .select({
              total: number(),
              active: number(inState("ACTIVE", now)),
              pending: number(inState("PENDING_APPROVAL", now)),
              suspended: number(inState("SUSPENDED", now)),
              expired: number(inState("EXPIRED", now)),
              revoked: number(inState("REVOKED", now)),
              denied: number(inState("DENIED", now)),
              expiring: number(live, gt(token.expiresAt, now), lt(token.expiresAt, expireBefore)),
              unused: number(sql`is_unused`),
              neverExpires: number(live, isNull(token.expiresAt)),
              blocked: number(sql`is_blocked`),
              full: number(live, isFull),
            })
            .from(found),
        ),
      );
      const { total, active, pending, suspended, expired, revoked, denied, ...attention } = onlyRow(rows);
      const states = {
        ACTIVE: active,
        PENDING_APPROVAL: pending,
        SUSPENDED: suspended,
        EXPIRED: expired,
        REVOKED: revoked,
        DENIED: denied,
      };
      return { total, states, ...attention };
    },

    async countBlocked(filter, { before, after }, { most, subjects }, now) {
      const current = and(eq(tokenSecret.tokenId, token.id), isNull(tokenSecret.retiresAt));
      const blocked = and(matching(filter, now), blockedByPolicy(after), not(blockedByPolicy(before)));
      const found = sql`from ${token} inner join ${tokenSecret} on ${current} where ${blocked}`;
      const nameable = subjects ? matching({ subjects }, now) : sql`true`;
      const newest = sql`select ${token.id} ${found} and ${nameable} order by ${token.id} desc limit ${most}`;
      const rows = await guarded(() =>
        database.scan((orm) =>
          orm
            .select({
              count: sql<number>`(select count(*) ${found})`.mapWith(Number),
              newest: sql<string>`array_to_string(array(${newest}), ' ')`,
            })
            .from(sql`(values (1)) as one`),
        ),
      );
      const { count, newest: ids } = onlyRow(rows);
      return { count, newest: (ids.match(/\S+/g) ?? []).map(tokenIdFromUuid) };
    },

    async owners(ids) {
      const rows = await guarded(() =>
        database.orm
          .select({
            id: token.id,
            kind: token.kind,
            subject: token.subject,
            organization: token.organization,
            revokedAt: token.revokedAt,
          })
          .from(token)
          .where(matching({ ids }, new Date(0))),
      );
      return new Map(
        rows.map(({ id, kind, subject, organization, revokedAt }) => [
          tokenIdFromUuid(id),
          // Stored names were parsed before.
          {
            kind,
            subject: subject as SubjectName,
            organization: (organization ?? undefined) as SubjectName | undefined,
            revoked: revokedAt !== null,
          },
        ]),
      );
    },

    async findByDigest(digests) {
      const rows = await guarded(() =>
        database.orm
          .select({ standby, id: tokenSecret.tokenId })
          .from(answeringServer)
          .leftJoin(tokenSecret, inArray(tokenSecret.digest, [...digests])),
      );
      const id = rowsFromPrimary(rows)[0]?.id;
      return id ? tokenIdFromUuid(id) : undefined;
    },
  };
}
