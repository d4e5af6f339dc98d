import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { Failure, type FailureReason, failures } from "../domain/errors.js";
import { codeOf, type StatusError, shuttingDown, toConnectError, toGrpcStatus, toStatusError } from "./status.js";

interface Decoded {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: Uint8Array }[];
}

function fromGrpc(error: StatusError): Decoded {
  const { code, message, trailers } = toGrpcStatus(error, "id-1");
  const base64 = new Map(trailers).get("grpc-status-details-bin");
  expect(base64 ?? "").not.toContain("=");
  const status = base64 === undefined ? undefined : fromBinary(StatusSchema, Buffer.from(base64, "base64"));
  if (status) expect([status.code, status.message]).toEqual([code, message]);
  return {
    code,
    message,
    details: (status?.details ?? []).map(({ typeUrl, value }) => ({ type: typeUrl.split("/")[1] ?? "", value })),
  };
}

function fromConnect(error: StatusError): Decoded {
  const { code, rawMessage, details } = toConnectError(error);
  return {
    code,
    message: rawMessage,
    details: details.map((detail) => {
      if (!("desc" in detail)) throw new Error("not an outgoing detail");
      const { desc, value } = detail;
      return { type: desc.typeName, value: toBinary(desc, create(desc, value)) };
    }),
  };
}

describe.each([
  ["gRPC", fromGrpc],
  ["Connect", fromConnect],
] as const)("an error over %s", (_name, encode) => {
  it.each(Object.keys(failures) as FailureReason[])("%s carries its code, text and exactly one ErrorInfo", (reason) => {
    const { code, message, details } = encode(toStatusError(new Failure(reason, { metadata: { a: "b" } }), "id-1"));
    expect([code, message]).toEqual([codeOf(failures[reason]), failures[reason].message]);
    const infos = details.filter(({ type }) => type === ErrorInfoSchema.typeName);
    expect(infos.map(({ value }) => fromBinary(ErrorInfoSchema, value))).toMatchObject([
      { reason, domain: "patwarden.v1", metadata: { a: "b" } },
    ]);
  });

  it("carries field violations, also with invalid Unicode", () => {
    const violations = [
      { field: "grant.rules[0]", description: "must be \ud800 well-formed" },
      { field: "metadata[\u202e]", description: "é" },
    ];
    const { details } = encode(toStatusError(new Failure("INVALID_FIELD", { violations }), ""));
    const bad = details.filter(({ type }) => type === BadRequestSchema.typeName);
    expect(bad.map(({ value }) => fromBinary(BadRequestSchema, value).fieldViolations)).toMatchObject([
      [
        { field: "grant.rules[0]", description: "must be \ufffd well-formed" },
        { field: "metadata[\u202e]", description: "é" },
      ],
    ]);
  });

  it.each([
    ["DATABASE_UNAVAILABLE", 1],
    ["OVERLOADED", 1],
    ["NOT_FOUND", 0],
    ["INTERNAL", 0],
  ] as const)("%s carries %i RetryInfo", (reason, count) => {
    const { details } = encode(toStatusError(new Failure(reason), ""));
    const retries = details.filter(({ type }) => type === RetryInfoSchema.typeName);
    expect(retries.length).toBe(count);
    for (const { value } of retries) expect(fromBinary(RetryInfoSchema, value).retryDelay?.seconds).toBe(1n);
  });

  it("sends the exact delay when it is known", () => {
    const { details } = encode(toStatusError(new Failure("OVERLOADED", { retryDelayMs: 35_999 }), ""));
    const [retry] = details.filter(({ type }) => type === RetryInfoSchema.typeName);
    expect(fromBinary(RetryInfoSchema, retry?.value ?? new Uint8Array()).retryDelay).toMatchObject({
      seconds: 35n,
      nanos: 999_000_000,
    });
  });

  it("has no details when the transport raises it", () => {
    expect(encode(shuttingDown())).toEqual({ code: 14, message: "the server is shutting down", details: [] });
  });
});

describe("toStatusError", () => {
  it.each([new Error("pw_pat_secret"), "pw_pat_secret", undefined, null, { reason: "NOT_FOUND", code: 5 }])(
    "turns %s into INTERNAL with the request id, keeping it for the log only",
    (thrown) => {
      const error = toStatusError(thrown, "id-1");
      expect(error).toMatchObject({ code: "INTERNAL", reason: "INTERNAL", message: "internal error" });
      expect(error.metadata).toEqual({ requestId: "id-1" });
      expect(error.cause).toBe(thrown);
      expect(JSON.stringify(fromGrpc(error))).not.toContain("secret");
    },
  );

  it("sends the request id with every INTERNAL failure, and with no other", () => {
    expect(toStatusError(new Failure("OPENFGA_MISCONFIGURED"), "id-1").metadata).toEqual({ requestId: "id-1" });
    expect(toStatusError(new Failure("NOT_FOUND"), "id-1").metadata).toEqual({});
  });
});

describe("the challenge for another sign-in", () => {
  const challengesOf = (failure: Failure): readonly unknown[] => {
    const error = toStatusError(failure, "");
    return [
      new Map(toGrpcStatus(error, "id-1").trailers).get("www-authenticate"),
      toConnectError(error).metadata.get("www-authenticate") ?? undefined,
    ];
  };
  const begin =
    'Bearer error="insufficient_user_authentication", error_description="a newer or stronger sign-in is required"';

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ maxAge: "600", because: "the sign-in is too old" }, `${begin}, max_age="600"`],
    [{ acrValues: "mfa phr" }, `${begin}, acr_values="mfa phr"`],
    [{ acrValues: "mfa", maxAge: "60" }, `${begin}, max_age="60", acr_values="mfa"`],
  ])("has the parameters of the refusal: %j", (metadata, challenge) => {
    expect(challengesOf(new Failure("STEP_UP_REQUIRED", { metadata }))).toEqual([challenge, challenge]);
  });

  it("is sent with no other error", () => {
    expect(challengesOf(new Failure("CALLER_UNAUTHENTICATED"))).toEqual([undefined, undefined]);
  });
});
