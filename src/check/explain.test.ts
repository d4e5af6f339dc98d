import { expect, it } from "vitest";
import { type Reason, reasons } from "../domain/reason.js";
import { explain, stepsOfToken } from "./explain.js";

const verdicts = (reason: Reason, taken?: number) => explain(reason, taken).map(({ verdict }) => verdict);

it("knows the step of every refusal: the steps before it passed, the steps after it were not reached", () => {
  for (const reason of Object.keys(reasons) as Reason[]) {
    const found = verdicts(reason);
    const refused = found.indexOf("refused");
    expect([reason, refused >= 0]).toEqual([reason, reason !== "ALLOWED"]);
    if (refused < 0) continue;
    expect(found.slice(0, refused).every((verdict) => verdict === "passed")).toBe(true);
    expect(found.slice(refused + 1).every((verdict) => verdict === "not reached")).toBe(true);
    // Steps 1 to 4 are about the token: a backend answers their refusals with 401.
    expect([reason, refused < stepsOfToken]).toEqual([reason, reasons[reason] < 30]);
  }
});

it("passes all steps when allowed, and only the steps about the token when no action is asked", () => {
  expect(new Set(verdicts("ALLOWED"))).toEqual(new Set(["passed"]));
  expect(verdicts("ALLOWED", stepsOfToken).filter((verdict) => verdict === "passed")).toHaveLength(stepsOfToken);
});
