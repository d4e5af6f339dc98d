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

/** Differences from what the suites want of an engine. */
export interface KnownDifferences {
  readonly server: ConformanceDifferences;
  readonly client: ConformanceDifferences;
}

export const knownDifferences: Readonly<Record<Engine, KnownDifferences>> = {
  "grpc-js": {
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
