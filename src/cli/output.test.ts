import { expect, it } from "vitest";
import { durationText, elastic, facts, table } from "./output.js";

const columns = ["ID", elastic("NAME"), "ENDS"];
const rows = [
  ["tok_1", "a name that is rather long, and longer", "never"],
  ["tok_2", "short", "2027-01-31T00:00:00Z"],
];

it("makes columns as wide as their cells when there is no limit", () => {
  const lines = table(columns, rows, Number.POSITIVE_INFINITY).split("\n");
  expect(lines[1]).toBe("tok_1  a name that is rather long, and longer  never");
});

it("cuts only elastic columns until a line fits", () => {
  const lines = table(columns, rows, 50).split("\n");
  expect(lines[1]).toBe("tok_1  a name that is rathe…  never");
  expect(lines[2]).toBe("tok_2  short                  2027-01-31T00:00:00Z");
  expect(Math.max(...lines.map((line) => line.length))).toBe(50);
  expect(table(columns, rows, 5)).toContain("tok_1  a name …  never");
});

it("replaces control characters, and does not split characters", () => {
  expect(facts([["name", "a\u001b[31m\u202eb"]])).toBe("name: a\ufffd[31m\ufffdb");
  expect(table([elastic("NAME")], [["😀😀😀😀😀😀😀😀😀😀"]], 8)).toContain("😀😀😀😀😀😀😀…");
});

it.each([
  [3_600, "1 hour"],
  [5_400, "90 minutes"],
  [90 * 86_400, "90 days"],
  [86_401, "86,401 seconds"],
])("renders %i seconds as %s, without rounding", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
