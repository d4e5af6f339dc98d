/** The most rows of one read. Other calls run between two reads. */
const rowsPerRead = 100;

/**
 * The approximate size limit of a page. A message is serialized without a pause, so no Check runs meanwhile. The limit
 * is well below the longest message (4 MiB).
 */
const maxPageBytes = 262_144;

export interface Page<T> {
  readonly rows: readonly T[];
  readonly more: boolean;
}

/** Reads a page of `size` rows, or fewer when the page is full. It has at least one row, if there is any. */
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
