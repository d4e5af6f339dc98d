import type { Engine } from "./raw-server.js";

/** Cases of connectconformance that an engine fails. One that it passes again must leave the list. */
export interface ConformanceDifferences {
  /** Names as it prints them, without the part that says whether TLS was used. */
  readonly failing: readonly string[];
  /** Matches faults that it finds in more cases than are worth a list. */
  readonly formality?: RegExp;
  /** Matches the names of cases that fail now and then. */
  readonly unsteady?: RegExp;
  /** Patterns of cases that are not run, because they never end. */
  readonly endless?: readonly string[];
}

/** Cases of h2spec, as readH2specReport names them. */
export interface H2specDifferences {
  /** Cases that fail always. One that passes again must leave the list. */
  readonly failing: readonly string[];
  /** The most cases that fail, with those that fail now and then. */
  readonly atMost: number;
  /** The most cases that are skipped. */
  readonly skipped: number;
}

/** Differences from what the suites want of an engine. */
export interface KnownDifferences {
  readonly h2spec: H2specDifferences;
  readonly h2specd: H2specDifferences;
  readonly server: ConformanceDifferences;
  readonly client: ConformanceDifferences;
}

export const knownDifferences: Readonly<Record<Engine, KnownDifferences>> = {
  builtin: {
    h2spec: { failing: [], atMost: 0, skipped: 0 },
    h2specd: { failing: [], atMost: 0, skipped: 0 },
    server: { failing: [] },
    client: {
      failing: [],
      // Every call has a deadline.
      formality: /^server echoed back a timeout \(\d+ ms\) but none was expected$/,
    },
  },
  "grpc-js": {
    h2spec: {
      failing: [
        "generic 2/2", // answers before the request has ended, and without a body
        "generic 2/3", // the same
        "http2 5.1.1/2", // a lower id is served
        "http2 5.1/11", // a closed stream: silence
        "http2 5.1/12",
        "http2 5.1/8",
        "http2 5.1/9",
        "http2 6.7/2", // closes on a PING ACK that nobody asked for
        "http2 6.9.1/2", // another code
      ],
      atMost: 20, // its answer may arrive before its reaction to what h2spec sends after the headers
      skipped: 5, // they need an answer with a body
    },
    h2specd: {
      failing: [
        "generic 6.7/2", // closes on a PING ACK that nobody asked for
        "generic 6.9.1/1", // another code
      ],
      atMost: 7, // it connects again at once, and h2specd counts what it sees last
      skipped: 0,
    },
    server: {
      failing: [
        "gRPC Unexpected Requests/HTTPVersion:2/client-stream/incomplete-message", // is taken
        "gRPC Unexpected Requests/HTTPVersion:2/client-stream/incomplete-message-prefix", // is taken
        "gRPC Unexpected Requests/HTTPVersion:2/unexpected-codec", // application/grpc+foo is served
        "gRPC Unexpected Requests/HTTPVersion:2/unexpected-compressed-message", // flag 1, no encoding: is taken
        "gRPC Unexpected Requests/HTTPVersion:2/unexpected-compression", // status 13 and not 12
        "gRPC Unexpected Requests/HTTPVersion:2/unexpected-verb", // DELETE is served
      ],
      formality:
        /^trailers include (a non-empty 'grpc-message' value with zero|'grpc-status-details-bin' value with padding)/,
    },
    client: {
      failing: [
        "gRPC Unexpected Responses/HTTPVersion:2/server-stream/incomplete-message", // is the end
        "gRPC Unexpected Responses/HTTPVersion:2/server-stream/incomplete-message-prefix", // is the end
        "gRPC Unexpected Responses/HTTPVersion:2/unexpected-codec", // application/grpc+foo is taken
        "gRPC Unexpected Responses/HTTPVersion:2/unexpected-compressed-message", // flag 1, no encoding: is taken
        "gRPC Unexpected Responses/HTTPVersion:2/unexpected-compression", // an encoding that nobody knows is taken
      ],
      // A status other than 0 overtakes messages that were not read yet.
      unsteady: /\/error-with-responses$/,
      // It reads one message, and its status waits for the second to be read.
      endless: ["**/unary/multiple-responses"],
    },
  },
};
