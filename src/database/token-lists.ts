import { and, count, eq, gt, isNull, lt, not, type SQL, sql } from "drizzle-orm";
import { tokenIdFromUuid } from "../domain/ids.js";
import { type ListedToken, newestFirst, type TokenStore } from "../domain/token-store.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { lastUse } from "./last-use.js";
import { blockedByPolicy, inState, isBlocked, isFull, isLive, isUnusedSince, matching } from "./token-conditions.js";
import { inOrder, isAfter, keyOf } from "./token-order.js";
import { readSnapshots } from "./token-snapshot.js";
import { token, tokenSecret } from "./token-table.js";

/** Lists and counts the tokens that a filter selects. */
export function tokenLists(database: Database): Pick<TokenStore, "list" | "count" | "summarize" | "countBlocked"> {
  return {
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
          database.query,
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
  };
}
