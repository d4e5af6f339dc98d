import type { Engine } from "./raw-server.js";

/** The cases of the suites that an engine fails. A case that it passes again must leave the list. */
export interface KnownDifferences {
  /** Names as connectconformance prints them, without the part that says whether TLS was used. */
  readonly conformance: ReadonlySet<string>;
  /** Faults that connectconformance finds in more cases than are worth a list. */
  readonly conformanceFormalities: RegExp;
}

export const knownDifferences: Readonly<Record<Engine, KnownDifferences>> = {
  "grpc-js": {
    conformance: new Set([
      "gRPC Unexpected Requests/HTTPVersion:2/client-stream/incomplete-message", // is taken
      "gRPC Unexpected Requests/HTTPVersion:2/client-stream/incomplete-message-prefix", // is taken
      "gRPC Unexpected Requests/HTTPVersion:2/unexpected-codec", // application/grpc+foo is served
      "gRPC Unexpected Requests/HTTPVersion:2/unexpected-compressed-message", // flag 1, no encoding: is taken
      "gRPC Unexpected Requests/HTTPVersion:2/unexpected-compression", // status 13 and not 12
      "gRPC Unexpected Requests/HTTPVersion:2/unexpected-verb", // DELETE is served
    ]),
    conformanceFormalities:
      /^trailers include (a non-empty 'grpc-message' value with zero|'grpc-status-details-bin' value with padding)/,
  },
};
