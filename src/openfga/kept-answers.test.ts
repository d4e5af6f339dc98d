import { expect, it } from "vitest";
import { KeptAnswers } from "./kept-answers.js";

it("gives an answer again until it is too old, counted from the sending of its question", () => {
  const kept = new KeptAnswers({ maxStalenessMs: 100, maxEntries: 10 });
  kept.keep("yes", true, 1_000, 1_050);
  kept.keep("no", false, 1_000, 1_050);
  expect([kept.get("yes", 1_099), kept.get("no", 1_099), kept.get("other", 1_099)]).toEqual([true, false, undefined]);
  expect([kept.get("yes", 1_100), kept.get("no", 1_100)]).toEqual([undefined, undefined]);
});

it("gives the answer to the question that was sent last, in whatever order the answers arrived", () => {
  const kept = new KeptAnswers({ maxStalenessMs: 100, maxEntries: 4 });
  kept.keep("a", true, 1_000, 1_010);
  kept.keep("b", true, 1_000, 1_010);
  // Replaces the younger generation, which becomes the older.
  kept.keep("a", false, 1_020, 1_030);
  expect(kept.get("a", 1_040)).toBe(false);
  kept.keep("a", true, 1_010, 1_050);
  expect(kept.get("a", 1_060)).toBe(false);
});

it("holds no more than it may, and keeps the younger half", () => {
  const kept = new KeptAnswers({ maxStalenessMs: 1e9, maxEntries: 100 });
  for (let key = 0; key < 1_000; key++) {
    kept.keep(String(key), true, key, key);
    expect(kept.size).toBeLessThanOrEqual(100);
  }
  for (let key = 950; key < 1_000; key++) expect(kept.get(String(key), 1_000)).toBe(true);
});

it("drops answers that are too old when new answers come", () => {
  const kept = new KeptAnswers({ maxStalenessMs: 100, maxEntries: 1e6 });
  for (let key = 0; key < 50; key++) kept.keep(String(key), true, 0, 0);
  kept.keep("later", true, 100, 100);
  kept.keep("last", true, 200, 200);
  expect(kept.size).toBe(2);
});
