import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.js";
import { isOutcomeUnknown, isSignedOut, problemOf, stepUpOf } from "./problem.js";

const info = (reason: string, metadata: Record<string, string> = {}) => ({
  desc: ErrorInfoSchema,
  value: create(ErrorInfoSchema, { domain: "patwarden.v1", reason, metadata }),
});
const failed = (code: Code, ...details: ConnectError["details"]) =>
  problemOf(new ConnectError("text", code, undefined, details as never));

describe("a problem", () => {
  it("has every field that is wrong", () => {
    const fieldViolations = [{ field: "name", description: "is required" }];
    const detail = { desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) };
    expect(failed(Code.InvalidArgument, info("INVALID_FIELD"), detail).fields).toEqual([
      { field: "name", limit: "", text: "is required" },
    ]);
  });

  it("has every limit that is exceeded, also where only the reason names one", () => {
    const violations = [
      { type: "max_lifetime", subject: "expire_time", description: "at most 30 days" },
      { type: "forbid_full", subject: "grant.full", description: "" },
    ];
    const detail = { desc: PreconditionFailureSchema, value: create(PreconditionFailureSchema, { violations }) };
    expect(failed(Code.FailedPrecondition, info("POLICY_VIOLATION"), detail).fields).toEqual([
      { field: "expire_time", limit: "max_lifetime", text: "at most 30 days" },
      { field: "grant.full", limit: "forbid_full", text: "" },
    ]);
    const one = info("POLICY_VIOLATION", { field: "grant", limit: "max_grant" });
    expect(failed(Code.FailedPrecondition, one).fields).toMatchObject([{ field: "grant", limit: "max_grant" }]);
  });

  it("says when to try again", () => {
    const detail = { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: { seconds: 3n } }) };
    expect(failed(Code.ResourceExhausted, info("OVERLOADED"), detail).retryAfter).toBe(3000);
  });

  it("asks for a sign-in with its age and strength", () => {
    const needed = info("STEP_UP_REQUIRED", { maxAge: "600", acrValues: "mfa phr" });
    expect(stepUpOf(failed(Code.Unauthenticated, needed))).toEqual({ maxAge: 600, acrValues: ["mfa", "phr"] });
    expect(isSignedOut(failed(Code.Unauthenticated, needed))).toBe(false);
    expect(isSignedOut(failed(Code.Unauthenticated, info("CALLER_UNAUTHENTICATED")))).toBe(true);
  });

  it("has no known outcome when the answer is lost, and one when the server refused", () => {
    expect(isOutcomeUnknown(failed(Code.Unavailable))).toBe(true);
    expect(isOutcomeUnknown(problemOf(new TypeError("Failed to fetch")))).toBe(true);
    expect(isOutcomeUnknown(failed(Code.Unavailable, info("OUTCOME_UNKNOWN")))).toBe(true);
    expect(isOutcomeUnknown(failed(Code.Unavailable, info("DATABASE_UNAVAILABLE")))).toBe(false);
    expect(isOutcomeUnknown(failed(Code.FailedPrecondition, info("POLICY_VIOLATION")))).toBe(false);
  });
});
