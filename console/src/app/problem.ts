import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.js";

/** A call that failed, in the form that views show. */
export interface Problem {
  readonly code: Code;
  /** The name of an ErrorReason, such as `POLICY_VIOLATION`. Empty: the answer did not come from Patwarden. */
  readonly reason: string;
  /** In English, from the server or the browser. */
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that are wrong: path in the request, and the server's text. */
  readonly fields: readonly FieldProblem[];
  /** When to try again, in milliseconds from now. */
  readonly retryAfter?: number;
}

/** A field of a request that the server refuses. */
export interface FieldProblem {
  /** `name`, `grant.rules[0].actions`. */
  readonly field: string;
  /** The limit of a policy that is exceeded, such as `max_lifetime`. Empty: the field itself is wrong. */
  readonly limit: string;
  readonly text: string;
}

/** Returns the problem of an error that a call threw. */
export function problemOf(thrown: unknown): Problem {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "patwarden.v1");
  const wrong = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const exceeded = error.findDetails(PreconditionFailureSchema).flatMap(({ violations }) => violations);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const fields = [
    ...wrong.map(({ field, description }) => ({ field, limit: "", text: description })),
    ...exceeded.map(({ type, subject, description }) => ({ field: subject, limit: type, text: description })),
  ];
  const { field, limit } = info?.metadata ?? {};
  if (fields.length === 0 && field !== undefined) fields.push({ field, limit: limit ?? "", text: error.rawMessage });
  return {
    code: error.code,
    reason: info?.reason ?? "",
    message: error.rawMessage,
    metadata: info?.metadata ?? {},
    fields,
    ...(delay && { retryAfter: durationMs(delay) }),
  };
}

const withoutOutcome: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.Unknown];

/** Whether nobody knows if the change was stored: a call with a request_id can be repeated as it was. */
export const isOutcomeUnknown = ({ code, reason }: Problem): boolean =>
  reason === "OUTCOME_UNKNOWN" || reason === "DEADLINE_EXCEEDED" || (reason === "" && withoutOutcome.includes(code));

/** Whether the change is stored and only its confirmation by all replicas is missing. */
export const isPending = ({ reason }: Problem): boolean => reason === "REVOCATION_PENDING";

/** The sign-in that a call needs. */
export interface StepUpNeeded {
  /** The longest time since the sign-in, in seconds. Undefined: any. */
  readonly maxAge?: number;
  /** The accepted `acr` values. Empty: any. */
  readonly acrValues: readonly string[];
}

/** Returns the sign-in that the call needs, or undefined when it failed for another reason. */
export function stepUpOf({ reason, metadata }: Problem): StepUpNeeded | undefined {
  if (reason !== "STEP_UP_REQUIRED") return undefined;
  const maxAge = Number.parseInt(metadata["maxAge"] ?? "", 10);
  return {
    ...(Number.isNaN(maxAge) ? {} : { maxAge }),
    acrValues: (metadata["acrValues"] ?? "").split(" ").filter((value) => value !== ""),
  };
}

/** Whether the caller's session or access token is over. */
export const isSignedOut = ({ code, reason }: Problem): boolean =>
  reason === "CALLER_UNAUTHENTICATED" || (reason === "" && code === Code.Unauthenticated);
