import { describe, expect, it } from "vitest";
import { readRefusal } from "./outcome.js";

const refusal = { details: "", deadlinePassed: false, cancelled: false };

describe("readRefusal", () => {
  it.each([
    // Reference numbers of OpenFGA v1.22.1. grpc/grpc#13321: statuses from 1000 upwards are not gRPC codes.
    [1, "unreachable", "OPENFGA_UNAVAILABLE", true],
    [2, "engine-failure", "OPENFGA_UNAVAILABLE", true],
    [3, "unexpected", "INTERNAL", false],
    [4, "deadline", "DEADLINE_EXCEEDED", false],
    [5, "unexpected", "INTERNAL", false],
    [7, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [8, "overloaded", "OVERLOADED", false],
    [12, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [13, "unexpected", "INTERNAL", false],
    [14, "unreachable", "OPENFGA_UNAVAILABLE", true],
    [16, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [1010, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [1500, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [2000, "model-mismatch", "INTERNAL", false],
    [2001, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [2002, "too-deep", "INTERNAL", false],
    [2020, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [2021, "model-mismatch", "INTERNAL", false],
    [2022, "model-mismatch", "INTERNAL", false],
    [2025, "model-mismatch", "INTERNAL", false],
    [2027, "model-mismatch", "INTERNAL", false],
    [2058, "unreachable", "OPENFGA_UNAVAILABLE", true],
    [3500, "overloaded", "OVERLOADED", false],
    [4000, "engine-failure", "OPENFGA_UNAVAILABLE", true],
    [4004, "deadline", "DEADLINE_EXCEEDED", false],
    [5002, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [5999, "misconfigured", "OPENFGA_MISCONFIGURED", false],
    [9999, "unexpected", "INTERNAL", false],
    [0, "unexpected", "INTERNAL", false],
  ] as const)("reads status %i as %s", (code, outcome, reason, retry) => {
    const read = readRefusal({ ...refusal, code });
    expect(read).toMatchObject({ outcome, retry });
    expect(read.failure.reason).toBe(reason);
  });

  it.each([1, 4, 14, 2058, 4004])("takes status %i for our deadline once that has passed (openfga#1905)", (code) => {
    expect(readRefusal({ ...refusal, code, deadlinePassed: true })).toMatchObject({
      outcome: "deadline",
      retry: false,
    });
  });

  it.each([1, 4, 14, 2000, 13])("never blames OpenFGA for status %i of a call that its caller has left", (code) => {
    expect(readRefusal({ ...refusal, code, cancelled: true })).toMatchObject({ outcome: "cancelled", retry: false });
  });

  it("keeps a wrong key a misconfiguration also when time is over", () => {
    expect(readRefusal({ ...refusal, code: 1500, deadlinePassed: true }).outcome).toBe("misconfigured");
  });

  it("names the parameter that a condition misses, whatever the order of the names (openfga#1238)", () => {
    const details =
      "failed to evaluate relationship condition: 'c' - tuple 'document:1#viewer@user:a' is missing context parameters '[current_time x]'";
    expect(readRefusal({ ...refusal, code: 2000, details }).failure).toMatchObject({
      reason: "MODEL_CONTEXT_REQUIRED",
      metadata: { parameter: "current_time" },
    });
  });

  it("reads a throttled item as overload, not as bad input", () => {
    expect(readRefusal({ ...refusal, code: 2000, details: "throttled: too many" }).outcome).toBe("overloaded");
  });

  it("retries after a stream reset that comes as INTERNAL (grpc-node#2647)", () => {
    const details = "Received RST_STREAM with code 2 (Internal server error)";
    expect(readRefusal({ ...refusal, code: 13, details })).toMatchObject({ outcome: "unreachable", retry: true });
  });

  it("passes nothing of OpenFGA's text to callers, and only printable ASCII to the log", () => {
    const details = `dial tcp db.internal:5432 user=fga \u202e\n${"x".repeat(1000)}`;
    const { failure } = readRefusal({ ...refusal, code: 4000, details });
    expect(failure.message + JSON.stringify(failure.metadata)).not.toContain("db.internal");
    const cause = failure.cause instanceof Error ? failure.cause.message : "";
    expect(cause).toMatch(/^[\x20-\x7e]{0,400}$/);
  });
});
