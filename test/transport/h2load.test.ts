import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "../kit/self-signed.js";
import { SimpleRequestSchema, SimpleResponseSchema } from "./gen/grpc/testing/testing_pb.js";
import { interopService } from "./interop-service.js";
import { engines, type RawServer, startRawServer } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

/** Returns a gRPC message: no compression, length, message. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const responseSize = 300;
const request = framed(toBinary(SimpleRequestSchema, create(SimpleRequestSchema, { responseSize })));
const answer = framed(
  toBinary(SimpleResponseSchema, create(SimpleResponseSchema, { payload: { body: new Uint8Array(responseSize) } })),
);

const folder = mkdtempSync(join(tmpdir(), "patwarden-h2load-"));
const body = join(folder, "request");
writeFileSync(body, request);
afterAll(() => rmSync(folder, { recursive: true }));

const own = selfSigned();
const ways = [
  { way: "plaintext", scheme: "http", tls: undefined },
  { way: "TLS", scheme: "https", tls: own },
];

const loads = [
  { name: "100 calls at a time on each of ten connections", calls: 20_000, flags: ["-c", "10", "-m", "100"] },
  { name: "one call at a time on each of 64 connections", calls: 5_000, flags: ["-c", "64", "-m", "1"] },
  { name: "no table of fields", calls: 5_000, flags: ["-c", "10", "-m", "100", "--header-table-size=0"] },
  { name: "a window of one octet for each call", calls: 100, flags: ["-c", "5", "-m", "10", "-w", "1", "-W", "10"] },
];

describe.skipIf(!haveSuite("h2load")).each(engines)("h2load and a server of %s", (engine) => {
  describe.each(ways)("over $way", ({ scheme, tls }) => {
    let server: RawServer;
    beforeAll(async () => {
      server = await startRawServer(engine, { ...interopService, tls });
    });
    afterAll(() => server.stop());

    it.each(loads)("get whole answers to all calls: $name", async ({ calls, flags }) => {
      const url = `${scheme}://127.0.0.1:${server.port}/grpc.testing.TestService/UnaryCall`;
      const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
      const { output } = await runSuite("h2load", ["-n", String(calls), ...flags, ...headers, "-d", body, url], 55_000);
      expect(output).toContain(`${calls} succeeded, 0 failed, 0 errored, 0 timeout`);
      // An answer that is an error has no message.
      expect(output).toMatch(new RegExp(`\\(${calls * answer.length}\\) data$`, "m"));
    });
  });
});
