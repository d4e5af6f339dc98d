import { expect, it } from "vitest";
import { LineBudget } from "./line-budget.js";

it("S11 passes 60 lines of a kind in a minute, and reports later how many were omitted", () => {
  let now = 0;
  const lines = new LineBudget(() => now);
  const admitted = (kind: string, count: number) =>
    Array.from({ length: count }, () => lines.admit(kind)).filter((omitted) => omitted !== undefined);
  expect(admitted("a", 1_000)).toEqual(Array(60).fill(0));
  // The control: another kind loses no line to it.
  expect(admitted("b", 1)).toEqual([0]);
  now = 60_000;
  expect(admitted("a", 2)).toEqual([940, 0]);
});
