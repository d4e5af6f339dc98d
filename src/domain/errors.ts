/**
 * Every reason why a call can fail. The name is an `ErrorReason` of errors.proto without its prefix, the code a
 * canonical gRPC status. Messages are fixed ASCII and never contain input: clients may show them anywhere, and some
 * transports garble other text.
 */
export const failures = {
  CALLER_UNAUTHENTICATED: { code: "UNAUTHENTICATED", message: "a valid caller credential is required" },
  STEP_UP_REQUIRED: { code: "UNAUTHENTICATED", message: "a newer or stronger sign-in is required" },
  CALLER_FORBIDDEN: { code: "PERMISSION_DENIED", message: "the caller may not do this" },
  INVALID_FIELD: { code: "INVALID_ARGUMENT", message: "the request is not valid; see the field violations" },
  UNKNOWN_TYPE: { code: "INVALID_ARGUMENT", message: "the authorization model has no such type" },
  UNKNOWN_ACTION: { code: "INVALID_ARGUMENT", message: "the authorization model has no such action on this type" },
  PAGE_TOKEN_INVALID: { code: "INVALID_ARGUMENT", message: "the page token is not valid for this request" },
  NOT_FOUND: { code: "NOT_FOUND", message: "no such object" },
  ETAG_MISMATCH: { code: "ABORTED", message: "the object has changed; read it again" },
  REQUEST_ID_REUSED: { code: "ALREADY_EXISTS", message: "this request_id was used before" },
  STATE_CONFLICT: { code: "FAILED_PRECONDITION", message: "the token's state does not allow this" },
  SUBJECT_STATE: { code: "FAILED_PRECONDITION", message: "the subject's state does not allow this" },
  POLICY_VIOLATION: { code: "FAILED_PRECONDITION", message: "a limit that applies to this call is exceeded" },
  SUBJECT_TYPE_NOT_IN_MODEL: {
    code: "FAILED_PRECONDITION",
    message: "under the authorization model, this type of subject could never use the grant",
  },
  MODEL_CONTEXT_REQUIRED: {
    code: "FAILED_PRECONDITION",
    message: "a condition of the authorization model needs a parameter that the server does not send",
  },
  OVERLOADED: { code: "RESOURCE_EXHAUSTED", message: "overloaded; try again later" },
  DATABASE_UNAVAILABLE: { code: "UNAVAILABLE", message: "the database did not answer; try again" },
  OPENFGA_UNAVAILABLE: { code: "UNAVAILABLE", message: "OpenFGA did not answer; try again" },
  OPENFGA_MISCONFIGURED: { code: "INTERNAL", message: "OpenFGA refuses the server's configuration" },
  ISSUER_UNAVAILABLE: { code: "UNAVAILABLE", message: "the issuer's keys cannot be fetched; try again" },
  OUTCOME_UNKNOWN: {
    code: "UNAVAILABLE",
    message: "the connection was lost during the commit, so the change may be stored; repeat the call to make sure",
  },
  REVOCATION_PENDING: {
    code: "UNAVAILABLE",
    message: "the change is stored but not confirmed by every replica yet; repeat the call to confirm it",
  },
  DEADLINE_EXCEEDED: { code: "DEADLINE_EXCEEDED", message: "the deadline passed before a reply was ready" },
  INTERNAL: { code: "INTERNAL", message: "internal error" },
} as const satisfies Record<string, { readonly code: string; readonly message: string }>;

export type FailureReason = keyof typeof failures;
export type FailureCode = (typeof failures)[FailureReason]["code"];

/**
 * A problem with one field: `field` is a proto path such as `grant.rules[0].actions[1]`, `description` says what would
 * be right.
 */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** A limit that the request exceeds. */
export interface Precondition {
  /** The name of the limit, such as `max_lifetime`. */
  readonly type: string;
  /** The proto path of the field that the limit applies to, such as `token.grant`. */
  readonly subject: string;
  /** Says what would be right. */
  readonly description: string;
}

export interface FailureDetail {
  /**
   * Variable parts for `google.rpc.ErrorInfo.metadata`; keys in lowerCamelCase. Never a secret, never unescaped input.
   */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly preconditions?: readonly Precondition[];
  /** Milliseconds after which a retry may succeed. Absent when not known. */
  readonly retryDelayMs?: number;
  /** For the log only. */
  readonly cause?: unknown;
}

/** An expected failure. Any other error that is thrown is a defect, and the caller gets INTERNAL. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly reason: FailureReason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly preconditions: readonly Precondition[];
  readonly retryDelayMs: number | undefined;

  constructor(reason: FailureReason, detail: FailureDetail = {}) {
    super(failures[reason].message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.reason = reason;
    this.metadata = detail.metadata ?? {};
    this.violations = detail.violations ?? [];
    this.preconditions = detail.preconditions ?? [];
    this.retryDelayMs = detail.retryDelayMs;
  }

  get code(): FailureCode {
    return failures[this.reason].code;
  }
}
