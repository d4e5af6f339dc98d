import { getTableName, sql } from "drizzle-orm";
import { check, customType, type PgColumn } from "drizzle-orm/pg-core";
import { readInstant } from "./session.js";

export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/**
 * Text that sorts by bytes, whatever the locale of the database: the prefix filters of lists need this to use an index.
 */
export const identifier = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

/** A time in milliseconds, like a JavaScript Date, so that a time is read back exactly as it was written. */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp (3) with time zone",
  toDriver: (time) => time.toISOString(),
  fromDriver: readInstant,
});

/** An expression for a time in milliseconds since 1970, which no setting of the session formats. */
export const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::int8`;

const ranges = {
  /** The times that the API can express. Infinity is excluded. */
  time: sql.raw("'0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00'"),
  /** The whole numbers that a double represents exactly. */
  number: sql.raw(`${-Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`),
};

/** Returns constraints against values that we cannot read back: one such row would fail every list that contains it. */
export function readable(range: keyof typeof ranges, ...columns: readonly PgColumn[]) {
  return columns.map((column) =>
    check(`${getTableName(column.table)}_${column.name}_range`, sql`${column} between ${ranges[range]}`),
  );
}
