import { expect, it } from "vitest";
import { type Reason, reasons } from "../domain/reason.js";
import { explain, stepsOfToken } from "./explain.js";

const verdicts = (reason: Reason, taken?: number) => explain(reason, taken).map(({ verdict }) => verdict);

it("knows the step of every refusal: those before it passed, those after it were not reached", () => {
  for (const reason of Object.keys(reasons) as Reason[]) {
    const found = verdicts(reason);
    const refused = found.indexOf("refused");
    expect([reason, refused >= 0]).toEqual([reason, reason !== "ALLOWED"]);
    if (refused < 0) continue;
    expect(found.slice(0, refused).every((verdict) => verdict === "passed")).toBe(true);
    expect(found.slice(refused + 1).every((verdict) => verdict === "not reached")).toBe(true);
    // Steps 1 to 4 are about the token: of their refusals a backend answers 401.
    expect([reason, refused < stepsOfToken]).toEqual([reason, reasons[reason] < 30]);
  }
});

it("takes all steps when allowed, and those about the token when nothing is attempted", () => {
  expect(new Set(verdicts("ALLOWED"))).toEqual(new Set(["passed"]));
  expect(verdicts("ALLOWED", stepsOfToken).filter((verdict) => verdict === "passed")).toHaveLength(stepsOfToken);
});
