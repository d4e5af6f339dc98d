import { asc, desc, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { toUuid } from "../domain/ids.js";
import type { TokenOrder, TokenPosition } from "../domain/token-store.js";
import { lastUse } from "./last-use.js";
import { type TokenRow, token } from "./token-table.js";

/** A row of a list that is joined with the last use of its token. */
export interface OrderedRow {
  readonly token: TokenRow;
  readonly usedAt: Date | null;
}

interface Key {
  /** The value that rows are compared by. Never null. */
  readonly expression: SQL;
  /** The value of a row, as text. */
  readonly of: (row: OrderedRow) => string;
  /** The expression for such a text. */
  readonly parse: (text: string) => SQL;
}

const time = (column: PgColumn, missing: "infinity" | "-infinity", of: (row: OrderedRow) => Date | null): Key => ({
  expression: sql`coalesce(${column}, ${sql.raw(`'${missing}'`)})`,
  of: (row) => of(row)?.toISOString() ?? missing,
  parse: (text) => sql`${text}::timestamptz`,
});

/** Ids have the order of creation, so that needs no key. */
const keys: Readonly<Record<TokenOrder["by"], Key | undefined>> = {
  create_time: undefined,
  expire_time: time(token.expiresAt, "infinity", (row) => row.token.expiresAt),
  last_use_time: time(lastUse.usedAt, "-infinity", (row) => row.usedAt),
  name: {
    expression: sql`lower(${token.name})`,
    of: (row) => row.token.name,
    parse: (text) => sql`lower(${text}::text)`,
  },
};

/** Returns the terms of ORDER BY. */
export function inOrder({ by, descending }: TokenOrder): SQL[] {
  const key = keys[by];
  return [...(key ? [key.expression] : []), sql`${token.id}`].map((term) => (descending ? desc(term) : asc(term)));
}

/** Matches the rows that follow a position. */
export function isAfter({ by, descending }: TokenOrder, { id, key: text }: TokenPosition): SQL {
  const key = keys[by];
  const than = sql.raw(descending ? "<" : ">");
  return key
    ? sql`(${key.expression}, ${token.id}) ${than} (${key.parse(text)}, ${toUuid(id)}::uuid)`
    : sql`${token.id} ${than} ${toUuid(id)}::uuid`;
}

/** Returns the key of a row's position. */
export function keyOf({ by }: TokenOrder, row: OrderedRow): string {
  return keys[by]?.of(row) ?? "";
}
