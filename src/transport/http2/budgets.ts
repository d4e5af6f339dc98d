import { ConnectionError, errorCodes, type Violation } from "./frames.js";

/**
 * The most that a peer may do to cost us something, as a number at once and a number each second. What an honest peer
 * does under the worst load stays below; the tests show both sides.
 */
interface Budget {
  readonly burst: number;
  readonly perSecond: number;
  readonly violation: Violation;
}

export const budgets = {
  /**
   * Streams that the peer resets, or that exceed a limit and are refused (CVE-2023-44487). Honest storms: 64 callers
   * with deadlines of 50 ms while OpenFGA is down reset 1,280 streams a second, as long as it is down.
   */
  resets: { burst: 2_000, perSecond: 1_500, violation: "resets" },
  /** Streams that we reset because of the peer's faults (CVE-2025-8671). Honest peers make none. */
  faults: { burst: 100, perSecond: 10, violation: "faults" },
  /**
   * Lists of fields over the limit below. Each costs the peer its call only: a proxy forwards what its users send, and
   * one of them must not cut the calls of all others.
   */
  excesses: { burst: 100, perSecond: 10, violation: "header_block" },
  /** SETTINGS frames (CVE-2019-9515). OpenFGA changes its window with the load, a few times a second at most. */
  settings: { burst: 100, perSecond: 10, violation: "settings" },
  /** DATA frames without octets that do not end their stream (CVE-2019-9518). */
  emptyData: { burst: 100, perSecond: 10, violation: "empty_data" },
} as const satisfies Readonly<Record<string, Budget>>;

/** The most settings in one frame: nine are registered. */
export const maxSettingsOfFrame = 32;

/**
 * A header block: octets, frames, and how long it may take. Above, the connection ends, so this is more than a proxy
 * forwards: Envoy takes 60 KiB of its users by default, nginx 32 KiB.
 */
export const maxBlockLength = 64 * 1024;
export const maxBlockFrames = 8;
export const blockTimeMs = 10_000;

/**
 * The largest list that is decoded at all, counted as below. The longest block of Huffman codes of five bits has 102
 * KiB, and the rest is for its fields. References repeat what was sent once; their number bounds their cost.
 */
export const maxDecodedSize = 128 * 1024;
export const maxDecodedFields = 1_024;

/**
 * A list of fields: octets, with 32 more for each field as RFC 9113 §6.5.2 counts, and the number of fields. A
 * credential of 16 KiB fits with all else that gateways add.
 */
export const maxFieldListSize = 24 * 1024;
export const maxFields = 128;

/** Replies to PING and SETTINGS that the peer has not read (CVE-2019-9512). Above, nothing more is read. */
export const maxUnreadReplies = 100;

/** The pings that may come sooner than the ten seconds of gRPC's A8 after the last one. */
export const pingSpacingMs = 10_000;
export const maxPingStrikes = 2;

/** Octets of answers that the peer does not take: above, new calls are refused. */
export const maxUnsent = 1024 * 1024;

/** Octets of fields of open calls: above, new calls are refused. 250 calls with 4 KiB each fit. */
export const maxKeptFields = 1024 * 1024;

/** A stream that sends fewer octets than this in this time has a peer that does not read it (CVE-2019-9511). */
export const leastProgress = 1_024;
export const progressTimeMs = 30_000;

/** How long a socket may take nothing. */
export const drainTimeMs = 60_000;

/** One turn of one connection: octets read, and calls begun; then others have their turn. */
export const turnOctets = 64 * 1024;
export const turnCalls = 128;

/** Takes from a budget. */
export class Bucket {
  readonly #budget: Budget;
  #left: number;
  #filledAt = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#left = budget.burst;
  }

  /** Throws ConnectionError ENHANCE_YOUR_CALM when nothing is left. `now` is in milliseconds. */
  take(now: number): void {
    const { burst, perSecond, violation } = this.#budget;
    this.#left = Math.min(burst, this.#left + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#left < 1) throw calm(violation);
    this.#left--;
  }
}

export function calm(violation: Violation, text: string = violation): ConnectionError {
  return new ConnectionError(errorCodes.enhanceYourCalm, text, violation);
}
