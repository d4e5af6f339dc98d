import { describe, expect, it } from "vitest";
import { fullPage } from "./full-page.js";

/** Returns numbered rows of these lengths, and records the sizes that were requested. */
function list(lengths: readonly number[]) {
  const asked: number[] = [];
  const rows = lengths.map((length, index) => ({ index, text: "x".repeat(length) }));
  type Row = (typeof rows)[number];
  const read = async (size: number, last: Row | undefined) => {
    asked.push(size);
    const from = last ? last.index + 1 : 0;
    return { rows: rows.slice(from, from + size), more: from + size < rows.length };
  };
  return { asked, page: (size: number) => fullPage<Row>(size, read) };
}

describe("S15 a page", () => {
  it("ends where it is full, and says that there is more", async () => {
    const { page } = list(Array.from({ length: 300 }, () => 24_000));
    const { rows, more } = await page(1_000);
    expect(more).toBe(true);
    expect(rows.length).toBeGreaterThan(5);
    expect(JSON.stringify(rows).length).toBeLessThan(300_000);
    expect(rows.map(({ index }) => index)).toEqual(rows.map((_, index) => index));
  });

  it("holds one row at least, however long", async () => {
    const { page } = list([5_000_000, 10]);
    expect(await page(10)).toMatchObject({ rows: [{ index: 0 }], more: true });
  });

  it.each([
    [0, 10, false],
    [10, 10, false],
    [11, 10, true],
    [1_000, 1_000, false],
    [1_001, 1_000, true],
    [250, 1_000, false],
  ])("of %d short rows has %d at most", async (there, size, more) => {
    const { page, asked } = list(Array.from({ length: there }, () => 10));
    const found = await page(size);
    expect([found.rows.length, found.more]).toEqual([Math.min(there, size), more]);
    // A long page is read in steps.
    expect(Math.max(...asked)).toBeLessThanOrEqual(100);
  });
});
