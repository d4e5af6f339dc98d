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

/** A name in lower case and a value: base64 where the name ends in `-bin`, else printable ASCII. */
export type MetadataEntry = readonly [name: string, value: string];

/** How a call ends. */
export interface Status {
  readonly code: number;
  readonly message: string;
  readonly trailers?: readonly MetadataEntry[];
}

/** Ends a call with a status. */
export class CallError extends Error {
  readonly code: number;
  readonly trailers: readonly MetadataEntry[];

  constructor(code: number, message: string, trailers: readonly MetadataEntry[] = []) {
    super(message);
    this.code = code;
    this.trailers = trailers;
  }
}
