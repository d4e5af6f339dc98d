import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DynamicTable } from "./dynamic-table.js";
import { Field } from "./field.js";

let made = 0;
/** Returns a field that equals no other and has this size. */
const fieldOf = (size: number) =>
  new Field(
    String(made++)
      .padStart(6)
      .slice(0, size - 32),
    "".padEnd(size - 38),
    0,
    true,
    true,
  );
const contentOf = (table: DynamicTable) => Array.from({ length: table.length }, (_, index) => table.get(index));

/** The table as RFC 7541 §4 says it, the newest first. */
class Model {
  entries: Field[] = [];
  limit: number;
  constructor(limit: number) {
    this.limit = limit;
  }
  add(field: Field): void {
    this.evict(this.limit - field.size);
    if (field.size <= this.limit) this.entries.unshift(field);
  }
  resize(limit: number): void {
    this.limit = limit;
    this.evict(limit);
  }
  private evict(size: number): void {
    while (this.entries.length > 0 && this.entries.reduce((sum, entry) => sum + entry.size, 0) > size)
      this.entries.pop();
  }
}

describe("the dynamic table", () => {
  it("has the newest entry first", () => {
    const table = new DynamicTable(4096);
    const [a, b] = [fieldOf(40), fieldOf(50)];
    table.add(a);
    table.add(b);
    expect([table.get(0), table.get(1), table.get(2)]).toEqual([b, a, undefined]);
  });

  it.each([0, 31, 32, 33, 100, 4096])(
    "of %d octets holds as many of the smallest entries as fit, and no more",
    (size) => {
      const table = new DynamicTable(size);
      const entries = Array.from({ length: 300 }, () => fieldOf(32));
      for (const entry of entries) table.add(entry);
      expect(table.get(table.length)).toBeUndefined();
      expect(contentOf(table)).toEqual(entries.reverse().slice(0, Math.floor(size / 32)));
    },
  );

  it("keeps an entry of its own size, and is emptied by a larger one", () => {
    const table = new DynamicTable(100);
    table.add(fieldOf(40));
    table.add(fieldOf(100));
    expect([table.length, table.fits(100)]).toEqual([1, true]);
    table.add(fieldOf(101));
    expect([table.length, table.fits(101)]).toEqual([0, false]);
  });

  it("does not hold on to what it evicted", () => {
    const table = new DynamicTable(64);
    table.add(fieldOf(64));
    table.clear();
    expect(JSON.stringify(table)).not.toContain("value");
  });

  it("does what a plain list does", () => {
    const size = fc.oneof(fc.constant(32), fc.integer({ min: 38, max: 120 }), fc.integer({ min: 38, max: 5000 }));
    const step = fc.oneof(
      { weight: 9, arbitrary: fc.record({ add: size }) },
      { weight: 1, arbitrary: fc.record({ resize: fc.nat(4096) }) },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(4096, 4096, 300, 100, 0),
        fc.array(step, { maxLength: 200, size: "max" }),
        (max, steps) => {
          const table = new DynamicTable(max);
          const model = new Model(max);
          for (const step of steps) {
            if ("add" in step) {
              const field = fieldOf(step.add);
              table.add(field);
              model.add(field);
            } else {
              const limit = Math.min(step.resize, max);
              table.resize(limit);
              model.resize(limit);
            }
            expect(table.length).toBe(model.entries.length);
            expect(table.get(0)).toBe(model.entries[0]);
            expect(table.get(table.length - 1)).toBe(model.entries.at(-1));
          }
          expect(contentOf(table)).toEqual(model.entries);
        },
      ),
    );
  });
});
