import { describe, expect, it } from "vitest";
import { type Outcome, outcomeOf } from "./language.js";

describe("what came of the tests of a language", () => {
  const counted = (passed: number, failed: number): Outcome => ({ kind: "counted", passed, failed });
  it.each<[string, number | null, string, Outcome]>([
    ["all passed", 0, "12 passed, 0 failed", counted(12, 0)],
    ["some failed", 1, "12 passed, 3 failed", counted(12, 3)],
    ["some failed, and the exit code hides it", 0, "12 passed, 3 failed", counted(12, 3)],
    ["a failure that was not counted", 1, "12 passed, 0 failed", counted(12, 1)],
    ["nothing was tested", 0, "0 passed, 0 failed", { kind: "broken", why: "it counted no test" }],
    ["nothing was counted", 0, "done", { kind: "broken", why: "exit code 0 without a count" }],
    ["it was killed", null, "", { kind: "broken", why: "exit code null without a count" }],
    ["a count within a line", 0, "go: 12 passed, 0 failed", { kind: "broken", why: "exit code 0 without a count" }],
    ["skipped", 77, "SKIPPED: go: no go", { kind: "skipped", why: "SKIPPED: go: no go" }],
    ["skipped without a word", 77, "12 passed, 0 failed", { kind: "skipped", why: "SKIPPED: it does not say why" }],
  ])("%s", (_, code, lastLine, outcome) => {
    expect(outcomeOf(code, lastLine)).toEqual(outcome);
  });
});
