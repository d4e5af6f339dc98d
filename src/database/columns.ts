import { getTableName, sql } from "drizzle-orm";
import { check, customType, type PgColumn } from "drizzle-orm/pg-core";
import { readInstant } from "./session.js";

export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** Sorts by bytes whatever the locale of the database: the prefix filters of lists need that to use an index. */
export const identifier = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

/** Milliseconds, because a JavaScript Date holds no more: what is read back equals what was written. */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp (3) with time zone",
  toDriver: (time) => time.toISOString(),
  fromDriver: readInstant,
});

const ranges = {
  /** The times that the API can express. Infinity is outside. */
  time: sql.raw("'0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00'"),
  /** The whole numbers that a double represents exactly. */
  number: sql.raw(`${-Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`),
};

/** Keeps values that we cannot read back out of a column: one such row would fail every list that contains it. */
export function readable(range: keyof typeof ranges, ...columns: readonly PgColumn[]) {
  return columns.map((column) =>
    check(`${getTableName(column.table)}_${column.name}_range`, sql`${column} between ${ranges[range]}`),
  );
}
