import { expect } from "vitest";
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
      // A status other than 0 overtakes messages that were not read yet. On a busy machine a deadline may come before
      // the answers that the case expects first.
      unsteady: /\/error-with-responses$|Timeouts/,
      // It reads one message, and its status waits for the second to be read.
      endless: ["**/unary/multiple-responses"],
    },
  },
};

/** Lines of answers that mean nothing. */
const formalities: Readonly<Record<Engine, readonly RegExp[]>> = {
  builtin: [/^content-type: application\/grpc$/],
  "grpc-js": [
    /^content-type: application\/grpc\+proto$/,
    /^date: /,
    /^grpc-encoding: identity$/,
    /^grpc-accept-encoding: identity,deflate,gzip$/,
    /^grpc-message: OK$/,
  ],
};

/**
 * Returns the lines of an answer of the product's port, `name: value` for a field, without formalities. What has no
 * details is an error of the engine itself, in its own words.
 */
export function withoutFormalities(engine: Engine, lines: readonly string[]): readonly string[] {
  const hasDetails = lines.some((line) => line.startsWith("grpc-status-details-bin: "));
  return lines
    .filter((line) => !formalities[engine].some((formality) => formality.test(line)))
    .map((line) => (hasDetails ? line : line.replace(/^grpc-message: .*/, "grpc-message: its own words")));
}

interface KnownAnswer {
  readonly builtin: readonly string[];
  readonly "grpc-js": readonly string[];
}

const allowed = [
  ":status: 200",
  '{"allowed":true,"reason":"REASON_ALLOWED","tokenValid":true,"subject":"user:alice","tokenId":"TOKEN","expireTime":"TIME"}',
  "grpc-status: 0",
  "END_STREAM",
];
const http = (status: number): readonly string[] => [
  `:status: ${status}`,
  "content-type: text/plain",
  expect.stringContaining("This port speaks gRPC over HTTP/2."),
  "END_STREAM",
];
const bare = [":status: 415", "END_STREAM"];
const refused = (code: number): readonly string[] => [
  ":status: 200",
  "grpc-message: its own words",
  `grpc-status: ${code}`,
  "END_STREAM",
];
const malformed = ["RST_STREAM PROTOCOL_ERROR"];
const late = [
  ":status: 200",
  "grpc-message: the deadline passed before a reply was ready",
  'grpc-status-details-bin: {"code":4,"message":"the deadline passed before a reply was ready","details":[{"reason":"DEADLINE_EXCEEDED","domain":"patwarden.v1","@type":"type.googleapis.com/google.rpc.ErrorInfo"}]}',
  "grpc-status: 4",
  "x-request-id: UUID",
  "END_STREAM",
];
const lateOrRefused: readonly string[] = expect.arrayContaining(["grpc-status: 4", "END_STREAM"]);
const noDescriptor =
  '{"originalRequest":{"fileContainingSymbol":"a"},"errorResponse":{"errorCode":5,"errorMessage":"no such descriptor"}}';

/** Answers of the product's port that differ, by the name of the case in test/system/grpc-engines.test.ts. */
export const knownAnswers: Readonly<Record<string, KnownAnswer>> = {
  "no content-type": { builtin: http(415), "grpc-js": bare },
  "content-type text/plain": { builtin: http(415), "grpc-js": bare },
  "content-type application/json": { builtin: http(415), "grpc-js": bare },
  // grpc-js takes whatever begins with application/grpc, and does not look at the method.
  "content-type application/grpc+json": { builtin: http(415), "grpc-js": allowed },
  "content-type application/grpc-web": { builtin: http(415), "grpc-js": allowed },
  "content-type application/grpcfoo": { builtin: http(415), "grpc-js": allowed },
  GET: { builtin: http(405), "grpc-js": allowed },
  HEAD: {
    builtin: [":status: 405", "content-type: text/plain", "END_STREAM"],
    "grpc-js": [":status: 200", "END_STREAM"],
  },
  DELETE: { builtin: http(405), "grpc-js": allowed },
  OPTIONS: { builtin: http(405), "grpc-js": allowed },
  // Node takes fields that RFC 9113 §8.2.1 and §8.3.1 forbid.
  "a host that differs from :authority": { builtin: malformed, "grpc-js": allowed },
  "a value with a line break": { builtin: malformed, "grpc-js": allowed },
  "a value with a blank at the end": { builtin: malformed, "grpc-js": allowed },
  'grpc-timeout " 1S"': { builtin: malformed, "grpc-js": allowed },
  "-bin that is no base64": { builtin: refused(13), "grpc-js": allowed },
  "200 fields": { builtin: refused(8), "grpc-js": ["RST_STREAM ENHANCE_YOUR_CALM"] },
  // A deadline that has passed at the start reaches no handler. grpc-js asks it, and its own timer may answer first,
  // without details.
  'grpc-timeout "0S"': { builtin: refused(4), "grpc-js": lateOrRefused },
  'grpc-timeout "0n"': { builtin: refused(4), "grpc-js": lateOrRefused },
  "a watch that ends by its deadline": {
    builtin: [":status: 200", '{"status":"SERVING"}', ...late.slice(1)],
    "grpc-js": lateOrRefused,
  },
  "a deadline while a Check runs": { builtin: late, "grpc-js": lateOrRefused },
  // grpc-js finds a number and a unit anywhere in the value.
  'grpc-timeout "123456789S"': { builtin: refused(13), "grpc-js": allowed },
  'grpc-timeout "-1S"': { builtin: refused(13), "grpc-js": allowed },
  'grpc-timeout "1.5S"': { builtin: refused(13), "grpc-js": allowed },
  // grpc-js takes a message that ends too early for none, or for the end of the stream.
  "an end inside the prefix": { builtin: refused(13), "grpc-js": refused(12) },
  "an end inside the message": { builtin: refused(13), "grpc-js": refused(12) },
  "reflection, an end inside a question": {
    builtin: refused(13),
    "grpc-js": [":status: 200", noDescriptor, "grpc-status: 0", "END_STREAM"],
  },
  "an unknown encoding": {
    builtin: [":status: 200", "grpc-accept-encoding: identity,deflate,gzip", ...refused(12).slice(1)],
    "grpc-js": allowed, // the message is not compressed
  },
  "flag 1 without an encoding": { builtin: refused(13), "grpc-js": allowed },
  "flag 1 under identity": { builtin: refused(13), "grpc-js": allowed },
  "flag 2": { builtin: refused(13), "grpc-js": allowed },
};
