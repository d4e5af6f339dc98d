import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "../kit/self-signed.js";
import { interopService } from "./interop-service.js";
import { engines, type RawServer, startRawServer } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak",
];

const folder = mkdtempSync(join(tmpdir(), "patwarden-interop-"));
const caFile = join(folder, "ca.pem");
const own = selfSigned();
writeFileSync(caFile, own.cert);
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!haveSuite("interop")).each(engines)("grpc-go's interop client and %s", (engine) => {
  describe.each([
    { way: "plaintext", tls: undefined, flags: [] },
    {
      way: "TLS",
      tls: own,
      flags: ["-use_tls", "-use_test_ca", "-ca_file", caFile, "-server_host_override", "localhost"],
    },
  ])("over $way", ({ tls, flags }) => {
    let server: RawServer;
    beforeAll(async () => {
      server = await startRawServer(engine, { ...interopService, tls });
    });
    afterAll(() => server.stop());

    it.concurrent.each(cases)("agree on %s", async (name) => {
      const address = ["-server_host", "127.0.0.1", "-server_port", String(server.port)];
      // A slow machine is no failure.
      const patience = ["-soak_overall_timeout_seconds=40", "-soak_per_iteration_max_acceptable_latency_ms=40000"];
      const soak = ["-soak_iterations=30", ...patience];
      const { status, output } = await runSuite("interop", [...address, ...flags, ...soak, "-test_case", name], 50_000);
      expect([status, output]).toEqual([0, expect.any(String)]);
    });
  });
});
