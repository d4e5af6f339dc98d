/** The codes of gRPC. */
export const codes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** How a call ends. */
export interface Status {
  readonly code: number;
  readonly message: string;
  /** Names in lower case; values of names that end in `-bin` are base64, others are printable ASCII. */
  readonly trailers?: readonly (readonly [name: string, value: string])[];
}

/** Ends a call with a status. */
export class CallError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
