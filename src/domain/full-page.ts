/** Rows of one read. Between two reads, other calls have their turn. */
const rowsPerRead = 100;

/**
 * The size of a page, roughly. Its message is written in one stretch, in which no Check has its turn; and it is well
 * below the longest message (4 MiB).
 */
const maxPageBytes = 262_144;

export interface Page<T> {
  readonly rows: readonly T[];
  readonly more: boolean;
}

/**
 * Reads a page that ends after `size` rows, or earlier where it is full. It holds one row at least, if there is one.
 */
export async function fullPage<T>(
  size: number,
  read: (size: number, last: T | undefined) => Promise<Page<T>>,
): Promise<Page<T>> {
  const rows: T[] = [];
  let bytes = 0;
  for (;;) {
    const found = await read(Math.min(rowsPerRead, size - rows.length), rows.at(-1));
    for (const row of found.rows) {
      bytes += Buffer.byteLength(JSON.stringify(row));
      if (rows.length > 0 && bytes > maxPageBytes) return { rows, more: true };
      rows.push(row);
    }
    if (!found.more || rows.length === size) return { rows, more: found.more };
  }
}
