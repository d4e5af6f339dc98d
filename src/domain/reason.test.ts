import { describe, expect, it } from "vitest";
import { ErrorReason } from "#gen/patwarden/v1/errors_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { failures } from "./errors.js";
import { reasons, tokenIsValid } from "./reason.js";

const named = (constant: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(constant).filter(([name]) => name !== "UNSPECIFIED"));

describe("the catalogues", () => {
  it("hold the reasons and numbers of reason.proto, no more and no fewer", () => {
    expect(reasons).toEqual(named(Reason));
  });

  it("hold the failures of errors.proto, no more and no fewer", () => {
    expect(Object.keys(failures).sort()).toEqual(Object.keys(named(ErrorReason)).sort());
  });
});

describe("tokenIsValid", () => {
  it("is true for exactly the reasons that a backend answers with 200 or 403", () => {
    const valid = (Object.keys(reasons) as (keyof typeof reasons)[]).filter(tokenIsValid);
    expect(valid).toEqual(["ALLOWED", "NOT_GRANTED", "POLICY", "NOT_PERMITTED", "NOT_A_MEMBER"]);
  });
});
