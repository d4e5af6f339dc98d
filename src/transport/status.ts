import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { Code } from "#gen/google/rpc/code_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { Failure, type FailureReason, type FieldViolation, type Precondition } from "../domain/errors.js";
import { encodeBinary } from "./grpc/metadata.js";
import type { MetadataEntry, Status } from "./grpc/status.js";
import { requestIdHeader } from "./service.js";

/** The name of a canonical gRPC code other than OK. */
export type StatusCode = Exclude<keyof typeof Code, "OK">;

/** Returns the number of a code, the same in gRPC, Connect and `google.rpc.Code`. */
export function codeOf({ code }: { readonly code: StatusCode }): number {
  return Code[code];
}

const codeNames = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** Returns the name of a number of gRPC. */
export function codeName(code: number): string {
  return codeNames.get(code) ?? String(code);
}

/** The domain of every `google.rpc.ErrorInfo` of this service. */
export const errorDomain = "patwarden.v1";

interface StatusInit {
  readonly code: StatusCode;
  readonly message: string;
  readonly reason?: FailureReason;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly preconditions?: readonly Precondition[];
  readonly retryDelayMs?: number | undefined;
  readonly cause?: unknown;
}

/** An error as callers see it, before it is encoded for a transport. `cause` is for the log only. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: StatusCode;
  /** Undefined when the transport raised the error: then there is no `ErrorInfo`. */
  readonly reason: FailureReason | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly preconditions: readonly Precondition[];
  readonly retryDelayMs: number | undefined;

  constructor(init: StatusInit) {
    const { code, message, reason, metadata = {}, violations = [], preconditions = [], retryDelayMs, cause } = init;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
    this.violations = violations;
    this.preconditions = preconditions;
    this.retryDelayMs = retryDelayMs;
  }
}

/** Returns the error of a call whose caller no longer waits. */
export function cancelled(): StatusError {
  return new StatusError({ code: "CANCELLED", message: "the call was cancelled" });
}

/** Returns the error for calls that a closing server ends: another replica may take them. */
export function shuttingDown(): StatusError {
  return new StatusError({ code: "UNAVAILABLE", message: "the server is shutting down" });
}

/** Converts what a handler throws: a Failure keeps its reason; anything else is a defect and becomes INTERNAL. */
export function toStatusError(error: unknown, requestId: string): StatusError {
  if (error instanceof StatusError) return error;
  const failure = error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
  const { code, message, reason, metadata, violations, preconditions, retryDelayMs, cause } = failure;
  return new StatusError({
    code,
    message,
    reason,
    metadata: code === "INTERNAL" ? { ...metadata, requestId } : metadata,
    violations,
    preconditions,
    retryDelayMs,
    cause,
  });
}

/**
 * Encodes an error for gRPC. The details are a `google.rpc.Status` in `grpc-status-details-bin`, next to the request
 * id. No headers are sent before an error: clients retry by their service config only when the answer consists of
 * trailers alone (gRFC A6).
 */
export function toGrpcStatus(error: StatusError, requestId: string): Status & Required<Pick<Status, "trailers">> {
  const code = codeOf(error);
  const trailers: MetadataEntry[] = [[requestIdHeader, requestId]];
  const challenge = challengeOf(error);
  if (challenge !== undefined) trailers.push([challengeHeader, challenge]);
  const details = detailsOf(error).map(({ desc, value }) => anyPack(desc, value));
  if (details.length > 0) {
    const status = create(StatusSchema, { code, message: error.message, details });
    trailers.push(["grpc-status-details-bin", encodeBinary(toBinary(StatusSchema, status))]);
  }
  return { code, message: error.message, trailers };
}

/** Encodes an error for connect, which carries the same details over each of its protocols. */
export function toConnectError(error: StatusError): ConnectError {
  const challenge = challengeOf(error);
  const headers = challenge === undefined ? undefined : { [challengeHeader]: challenge };
  return new ConnectError(error.message, codeOf(error), headers, detailsOf(error));
}

const challengeHeader = "www-authenticate";

/** Returns the challenge of RFC 9470 §3 for a call that needs another sign-in. */
function challengeOf({ reason, message, metadata }: StatusError): string | undefined {
  if (reason !== "STEP_UP_REQUIRED") return undefined;
  const parameters = {
    error: "insufficient_user_authentication",
    error_description: message,
    max_age: metadata["maxAge"],
    acr_values: metadata["acrValues"],
  };
  const told = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${told.map(([name, value]) => `${name}="${value}"`).join(", ")}`;
}

interface Detail<D extends DescMessage = DescMessage> {
  readonly desc: D;
  readonly value: MessageShape<D>;
}

/** The delay for calls that may be retried when no better delay is known. */
const defaultRetryDelayMs = 1_000;

/**
 * The most violations in one error. Details travel in a header, and a grant can be wrong in thousands of places;
 * clients refuse headers of more than 8 or 16 KiB.
 */
const maxViolations = 20;

/** Returns each type at most once, as AIP-193 requires. */
function detailsOf(error: StatusError): Detail[] {
  const { code, reason, metadata, violations, preconditions, retryDelayMs = defaultRetryDelayMs } = error;
  if (reason === undefined) return [];
  const info = create(ErrorInfoSchema, { reason, domain: errorDomain, metadata: { ...metadata } });
  const details: Detail[] = [{ desc: ErrorInfoSchema, value: info }];
  if (violations.length > 0) {
    const fieldViolations = violations
      .slice(0, maxViolations)
      .map(({ field, description }) => ({ field, description }));
    const rest = violations.length - fieldViolations.length;
    if (rest > 0) fieldViolations.push({ field: "", description: `and ${rest} more` });
    details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (preconditions.length > 0) {
    const failure = create(PreconditionFailureSchema, { violations: preconditions.map((each) => ({ ...each })) });
    details.push({ desc: PreconditionFailureSchema, value: failure });
  }
  if (code === "UNAVAILABLE" || code === "RESOURCE_EXHAUSTED") {
    details.push({
      desc: RetryInfoSchema,
      value: create(RetryInfoSchema, { retryDelay: durationFromMs(retryDelayMs) }),
    });
  }
  return details;
}
