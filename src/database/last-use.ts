import { inArray } from "drizzle-orm";
import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { toUuid } from "../domain/ids.js";
import type { LastUse, LastUseStore, TokenUse } from "../domain/last-use-store.js";
import type { SecretId, TokenId } from "../domain/token.js";
import type { Transaction } from "./change.js";
import { instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";

/** The last use of each token and secret. Not in the rows of tokens and secrets, so that nothing waits for it. */
export const lastUse = pgTable(
  "last_use",
  {
    /** The id of a token or of a secret. Both are UUIDv7, so no two of them are equal. */
    id: uuid("id").primaryKey(),
    usedAt: instant("used_at").notNull(),
    /** Null when the caller did not send an address. */
    address: text("address"),
  },
  (table) => readable("time", table.usedAt),
);

/**
 * Moves last uses forward and returns the ids that were stored. Skips rows that are locked or that another process has
 * just inserted, and does not return these. Takes rows in the order of their ids, so that two such statements never
 * deadlock.
 */
const moveStatement = `
  with use as (
    select * from json_to_recordset($1::text::json) as use(id uuid, "usedAt" timestamptz, address text)
  ), free as (
    select last_use.id from last_use join use on use.id = last_use.id
    order by last_use.id
    for update of last_use skip locked
  ), moved as (
    update last_use set used_at = use."usedAt", address = use.address
    from use join free on free.id = use.id
    where last_use.id = use.id and last_use.used_at < use."usedAt"
  ), added as (
    insert into last_use (id, used_at, address)
    select id, "usedAt", address from use
    where not exists (select from last_use where last_use.id = use.id)
    order by id
    on conflict do nothing
    returning id
  )
  select id::text from free union all select id::text from added`;

/** Stores last uses in PostgreSQL or PGlite. Each statement commits by itself and reads no other table. */
export function createLastUseStore(database: Database): LastUseStore {
  return {
    async move(uses) {
      const rows = uses.map((use) => ({ use, ids: idsOf(use) }));
      const moved = await guarded(() =>
        database.query<{ readonly id: string }>(moveStatement, [JSON.stringify(latest(rows))]),
      );
      const done = new Set(moved.map(({ id }) => id));
      return new Set(rows.filter(({ ids }) => ids.every((id) => done.has(id))).map(({ use }) => use.secretId));
    },
  };
}

/** A use counts for the token and for the secret. */
function idsOf({ tokenId, secretId }: TokenUse): readonly string[] {
  return [toUuid(tokenId), toUuid(secretId)];
}

/** Returns one row for each id: a token may have been used with two secrets. */
function latest(rows: readonly { readonly use: TokenUse; readonly ids: readonly string[] }[]): readonly object[] {
  const byId = new Map<string, LastUse>();
  for (const { use, ids } of rows) {
    for (const id of ids) {
      const known = byId.get(id);
      if (!known || known.time < use.time) byId.set(id, use);
    }
  }
  return [...byId].map(([id, { time, address }]) => ({ id, usedAt: time.toISOString(), address: address ?? null }));
}

/** Reads the last uses of these tokens and secrets. */
export async function readLastUses<Id extends TokenId | SecretId>(
  reader: Pick<Transaction, "select">,
  ids: readonly Id[],
): Promise<ReadonlyMap<Id, LastUse>> {
  if (ids.length === 0) return new Map();
  const byUuid = new Map(ids.map((id) => [toUuid(id), id]));
  const rows = await reader
    .select()
    .from(lastUse)
    .where(inArray(lastUse.id, [...byUuid.keys()]));
  return new Map(
    rows.flatMap(({ id, usedAt, address }) => {
      const known = byUuid.get(id);
      return known ? [[known, { time: usedAt, address: address ?? undefined }] as const] : [];
    }),
  );
}
