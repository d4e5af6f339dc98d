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

/** Name of a gRPC status code other than OK. */
export type ErrorCode = Exclude<keyof typeof status, "OK">;

/** Why Patwarden failed, as in `errors.proto`. A newer server may send others. */
export type ErrorReason = Exclude<keyof typeof ErrorReasonEnum, "UNSPECIFIED"> | (string & {});

/** What is wrong with one field of a request. */
export interface FieldViolation {
  /** Path in the proto message, such as `grant.rules[0].actions[1]`. */
  readonly field: string;
  /** What would be right. */
  readonly description: string;
}

/** What an error is made of. */
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
 * A call failed, and so there is no decision: neither yes nor no. To the bearer of a token answer 503. What most callers tell apart:
 *
 * - `UNAVAILABLE`, `DEADLINE_EXCEEDED`: try again later. UNAVAILABLE has been tried again already where that is safe.
 * - `UNAUTHENTICATED`, `PERMISSION_DENIED`: the caller's own service key, never the token that is checked.
 * - `INVALID_ARGUMENT`: the request, see `fieldViolations`. A type or an action that the model does not have is one, too.
 * - `CANCELLED`: by the caller's signal, or because the client was closed.
 *
 * No text in it holds a key or a token.
 */
export class PatwardenError extends Error {
  override readonly name = "PatwardenError";
  readonly code: ErrorCode;
  /** Undefined when the transport, a proxy or this client raised the error, and not Patwarden. */
  readonly reason: ErrorReason | undefined;
  /** Variable parts of the reason; `errors.proto` says which reason has which. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of INVALID_ARGUMENT. Empty for an item of a batch, of which the server sends none. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Finds the call in the log of the server. Undefined when none came. */
  readonly requestId: string | undefined;
  /** After how long, milliseconds, the server expects a repeat to succeed. */
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

/** @param headers What came before the answer, if anything did. */
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

/** Of one item of a batch: code and reason are those that a Check of its own would have had. */
export function fromCheckError({ code, reason, message }: CheckError): PatwardenError {
  return new PatwardenError({ code: codeOf(code), reason: reason === "" ? undefined : reason, text: message });
}

/** A number that is no code, or is that of success, must not pass for anything else than a failure. */
function codeOf(code: number): ErrorCode {
  const name = status[code] as keyof typeof status | undefined;
  return name === undefined || name === "OK" ? "UNKNOWN" : name;
}

/** None when the trailer is damaged: the code is still told. */
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
