import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { type Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import type { CheckError } from "./gen/patwarden/v1/authorization_pb.js";
import type { ErrorReason as ErrorReasonEnum } from "./gen/patwarden/v1/errors_pb.js";

/** The name of a gRPC status code other than OK. */
export type ErrorCode = Exclude<keyof typeof status, "OK">;

/** Why a call failed, see `errors.proto`. A newer server may send others. */
export type ErrorReason = Exclude<keyof typeof ErrorReasonEnum, "UNSPECIFIED"> | (string & {});

/** A problem with one field of a request. */
export interface FieldViolation {
  /** Path in the proto message, for example `grant.rules[0].actions[1]`. */
  readonly field: string;
  /** The valid form. */
  readonly description: string;
}

/** The parts of an error. */
export interface PatwardenErrorInit {
  readonly code: ErrorCode;
  /** English text for a log. */
  readonly text: string;
  readonly reason?: ErrorReason | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly FieldViolation[];
  readonly requestId?: string | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * Thrown when a call failed, so that there is no decision, neither yes nor no. Answer the bearer of a token with 503.
 * Common codes:
 *
 * - `UNAVAILABLE`, `DEADLINE_EXCEEDED`: try again later. UNAVAILABLE was already retried where that is safe.
 * - `UNAUTHENTICATED`, `PERMISSION_DENIED`: the service key of the caller, never the token that is checked.
 * - `INVALID_ARGUMENT`: the request, see `fieldViolations`, or a type or action that the model does not have.
 * - `CANCELLED`: the caller's signal, or the client was closed.
 *
 * It never contains a key or a token.
 */
export class PatwardenError extends Error {
  override readonly name = "PatwardenError";
  readonly code: ErrorCode;
  /** Undefined when the error comes from the transport, a proxy or this client, not from Patwarden. */
  readonly reason: ErrorReason | undefined;
  /** Details of the reason, see `errors.proto`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Set for INVALID_ARGUMENT. Empty for an item of a batch, for which the server sends none. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Finds the call in the server's log. Undefined when the server did not answer. */
  readonly requestId: string | undefined;
  /** The delay after which the server expects a retry to succeed, milliseconds. */
  readonly retryDelayMs: number | undefined;

  constructor(init: PatwardenErrorInit) {
    super(messageOf(init), init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.metadata = init.metadata ?? {};
    this.fieldViolations = init.fieldViolations ?? [];
    this.requestId = init.requestId;
    this.retryDelayMs = init.retryDelayMs;
  }
}

function messageOf({ code, reason, text, fieldViolations = [] }: PatwardenErrorInit): string {
  const fields = fieldViolations.map(({ field, description }) => `${field} ${description}`.trim()).join("; ");
  return `${code}${reason === undefined ? "" : ` ${reason}`}: ${text}${fields === "" ? "" : ` (${fields})`}`;
}

const errorDomain = "patwarden.v1";
const detailsKey = "grpc-status-details-bin";
const requestIdKey = "x-request-id";

/** @param headers The headers of the reply, if there were any. */
export function fromServiceError(error: ServiceError, headers: Metadata | undefined): PatwardenError {
  const details = detailsOf(error.metadata);
  const find = <D extends DescMessage>(desc: D): MessageShape<D> | undefined => {
    for (const detail of details) {
      const found = unpacked(detail, desc);
      if (found) return found;
    }
    return undefined;
  };
  const info = find(ErrorInfoSchema);
  const ours = info?.domain === errorDomain ? info : undefined;
  const retryDelay = find(RetryInfoSchema)?.retryDelay;
  return new PatwardenError({
    code: codeOf(error.code),
    text: error.details,
    reason: ours?.reason,
    metadata: ours?.metadata ?? {},
    fieldViolations:
      find(BadRequestSchema)?.fieldViolations.map(({ field, description }) => ({ field, description })) ?? [],
    requestId:
      textOf(headers, requestIdKey) ??
      textOf(error.metadata, requestIdKey) ??
      find(RequestInfoSchema)?.requestId ??
      ours?.metadata["requestId"],
    retryDelayMs: retryDelay && durationMs(retryDelay),
    cause: error,
  });
}

/** Reads the error of an item of a batch. It has the code and reason of a single Check. */
export function fromCheckError({ code, reason, message }: CheckError): PatwardenError {
  return new PatwardenError({ code: codeOf(code), reason: reason === "" ? undefined : reason, text: message });
}

/** An unknown code, and OK in an error, still count as a failure. */
function codeOf(code: number): ErrorCode {
  const name = status[code] as keyof typeof status | undefined;
  return name === undefined || name === "OK" ? "UNKNOWN" : name;
}

/** Returns none when the trailer is damaged: the code is enough. */
function detailsOf(trailers: Metadata): readonly Any[] {
  const [bytes] = trailers.get(detailsKey);
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    return [];
  }
}

function unpacked<D extends DescMessage>(detail: Any, desc: D): MessageShape<D> | undefined {
  try {
    return anyUnpack(detail, desc);
  } catch {
    return undefined;
  }
}

function textOf(metadata: Metadata | undefined, key: string): string | undefined {
  const [value] = metadata?.get(key) ?? [];
  return typeof value === "string" ? value : undefined;
}
