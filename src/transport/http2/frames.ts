/** RFC 9113 §6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 §7. */
export const errorCodes = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

export type ErrorCode = (typeof errorCodes)[keyof typeof errorCodes];

export const frameHeaderLength = 9;

/** The longest payload that we send and accept: the least that RFC 9113 §4.2 allows us to choose. */
export const maxFrameLength = 16_384;

/** The largest window, RFC 9113 §6.9.1, and the largest stream id, §5.1.1. */
export const maxWindow = 2 ** 31 - 1;
export const maxStreamId = 2 ** 31 - 1;

/** Ends a connection: GOAWAY with this code, then close (RFC 9113 §5.4.1). */
export class ConnectionError extends Error {
  readonly code: ErrorCode;
  /** The rule or bound that was violated, for counting. */
  readonly violation: Violation;

  /** `message` is sent to the peer: ASCII, short, nothing from its input. */
  constructor(code: ErrorCode, message: string, violation: Violation = "protocol") {
    super(message);
    this.code = code;
    this.violation = violation;
  }
}

/** Rules of the protocol, and the bounds of budgets.ts. */
export const violations = [
  "protocol",
  "hello",
  "settings",
  "pings",
  "resets",
  "faults",
  "empty_data",
  "header_block",
  "unread",
  "memory",
  "internal",
] as const;
export type Violation = (typeof violations)[number];

/** Writes the nine octets before a payload. Returns the offset after them. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  length: number,
  type: number,
  frameFlags: number,
  streamId: number,
): number {
  target[offset] = length >>> 16;
  target[offset + 1] = length >>> 8;
  target[offset + 2] = length;
  target[offset + 3] = type;
  target[offset + 4] = frameFlags;
  return writeUint32(target, offset + 5, streamId);
}

/** Returns the offset after it. */
export function writeUint32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

export function readUint32(source: Uint8Array, offset: number): number {
  return (readUint31(source, offset) + ((source[offset] as number) >= 0x80 ? 2 ** 31 : 0)) >>> 0;
}

/** Reads a number whose first bit is reserved and ignored. */
export function readUint31(source: Uint8Array, offset: number): number {
  return (
    (((source[offset] as number) & 0x7f) << 24) |
    ((source[offset + 1] as number) << 16) |
    ((source[offset + 2] as number) << 8) |
    (source[offset + 3] as number)
  );
}
