import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Authorization } from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { Health } from "#gen/grpc/health/v1/health_pb.js";
import { AuthorizationService, CheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Gateway, gateways, startProxyProgram } from "../kit/gateways.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { grpcPort, type Port } from "../kit/ports.js";
import { type FaultProxy, startProxy } from "../kit/proxy.js";
import { onEngine, type Server } from "../kit/server.js";
import { haveSuite, runSuite } from "../transport/suites.js";

const { check, listResources } = AuthorizationService.method;
const { createToken } = TokenService.method;
const have = { grpcurl: haveSuite("grpcurl"), curl: haveSuite("curl"), h2load: haveSuite("h2load") };

/** Envoy before the gRPC port, as a balancer has it: HTTP/2 on both sides. */
const envoyConfiguration = `
static_resources:
  listeners:
    - address: { socket_address: { address: 127.0.0.1, port_value: __PROXY__ } }
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: edge
                codec_type: HTTP2
                stream_idle_timeout: 0s
                route_config:
                  virtual_hosts:
                    - name: grpc
                      domains: ["*"]
                      routes:
                        - match: { prefix: / }
                          route: { cluster: patwarden, timeout: 0s }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
    - name: patwarden
      connect_timeout: 5s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options: { connection_keepalive: { interval: 30s, timeout: 5s } }
      load_assignment:
        cluster_name: patwarden
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: __PATWARDEN_PORT__ } } }
`;

/** nginx before the gRPC port, with connections that are kept. */
const nginxConfiguration = `
worker_processes 1;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path logs/body; proxy_temp_path logs/proxy;
  fastcgi_temp_path logs/fastcgi; uwsgi_temp_path logs/uwsgi; scgi_temp_path logs/scgi;
  upstream patwarden { server 127.0.0.1:__PATWARDEN_PORT__; keepalive 16; }
  server {
    listen 127.0.0.1:__PROXY__ http2;
    location / { grpc_pass grpc://patwarden; grpc_read_timeout 1h; }
  }
}
`;

const proxies = [
  { name: "envoy", configuration: envoyConfiguration },
  { name: "nginx", configuration: nginxConfiguration },
] as const;
for (const { name } of proxies) {
  const { program, source } = gateways[name];
  if (program === undefined) process.stderr.write(`NO ${name.toUpperCase()}: ${source}; its tests are skipped\n`);
}

const folder = mkdtempSync(join(tmpdir(), "patwarden-tools-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the gRPC port", () => {
  let patwarden: Patwarden;
  let address: string;
  let key: string;
  const question = () => ({ token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });
  /** The file of a request as it is on the wire: a Check. */
  const body = join(folder, "check");
  beforeAll(async () => {
    patwarden = await startPatwarden({ env: { ...onEngine("builtin"), PATWARDEN_LOG_LEVEL: "debug" } });
    address = patwarden.server.grpc;
    key = patwarden.server.keys.admin;
    const message = toBinary(CheckRequestSchema, create(CheckRequestSchema, question()));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    writeFileSync(body, Buffer.concat([prefix, message]));
  });
  afterAll(() => patwarden.stop());

  it("tells Envoy that ext_authz is not enabled, and logs its address", async () => {
    const port = grpcPort(address, key);
    const problem = "no such method: /envoy.service.auth.v3.Authorization/Check; integrations.ext_authz is not enabled";
    expect(await port.call(Authorization.method.check, {})).toMatchObject({ code: "UNIMPLEMENTED", message: problem });
    port.close();
    const lines = () =>
      patwarden.server
        .log()
        .split("\n")
        .filter((line) => line.includes("call refused"));
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(1);
    expect(JSON.parse(String(lines()))).toMatchObject({
      level: "debug",
      method: "envoy.service.auth.v3.Authorization/Check",
      address: "127.0.0.1",
      code: "UNIMPLEMENTED",
      problem,
    });
  });

  describe.skipIf(!have.grpcurl)("and grpcurl", () => {
    const grpcurl = (...args: readonly string[]) =>
      runSuite("grpcurl", ["-plaintext", "-H", `authorization: Bearer ${key}`, ...args], 30_000);
    const ask = (what: string, method: string) => grpcurl("-d", what, address, method);

    it("list and describe the API by reflection", async () => {
      const list = await grpcurl(address, "list");
      expect(list.output.split("\n")).toEqual(
        expect.arrayContaining([AuthorizationService.typeName, TokenService.typeName, Health.typeName]),
      );
      const described = await grpcurl(address, "describe", "patwarden.v1.CheckRequest");
      expect(described.output).toContain("string token = 1");
    });

    it("get an answer, a stream, and an error with its details", async () => {
      const answer = await ask(JSON.stringify(question()), "patwarden.v1.AuthorizationService/Check");
      expect(JSON.parse(answer.output)).toMatchObject({ allowed: true, reason: "REASON_ALLOWED" });
      const { token } = question();
      const list = await ask(
        JSON.stringify({ token, type: "document", action: "viewer" }),
        "patwarden.v1.AuthorizationService/ListResources",
      );
      expect([list.status, list.output]).toEqual([0, expect.stringContaining("document:roadmap")]);
      const refused = await ask("{}", "patwarden.v1.AuthorizationService/Check");
      expect([refused.status, refused.output]).toEqual([64 + 3, expect.stringContaining("INVALID_FIELD")]);
    });

    it("end a watch at the time that its user gave", async () => {
      const { status, output } = await grpcurl("-max-time", "1", address, "grpc.health.v1.Health/Watch");
      expect([status, output]).toEqual([64 + 4, expect.stringContaining("SERVING")]);
    });
  });

  describe.skipIf(!have.curl)("and curl", () => {
    const curl = (...args: readonly string[]) =>
      runSuite("curl", ["--silent", "--show-error", "--max-time", "20", ...args], 30_000);
    const url = () => `http://${address}/patwarden.v1.AuthorizationService/Check`;

    it("get an answer by HTTP/2", async () => {
      const { status, output } = await curl(
        ...["--http2-prior-knowledge", "--include", "--data-binary", `@${body}`],
        ...["-H", "content-type: application/grpc", "-H", "te: trailers", "-H", `authorization: Bearer ${key}`, url()],
      );
      expect([status, output]).toEqual([0, expect.stringMatching(/^HTTP\/2 200/)]);
      expect(output).toContain("user:alice");
      // The trailers.
      expect(output.toLowerCase()).toContain("grpc-status: 0");
    });

    it("get an answer by HTTP/2 to what is no gRPC", async () => {
      const { output } = await curl("--http2-prior-knowledge", "--include", url());
      expect(output).toMatch(/^HTTP\/2 405/);
      expect(output).toContain("This port speaks gRPC over HTTP/2.");
    });

    it("call what answers TLS a wrong version", async () => {
      const { output } = await curl(url().replace("http:", "https:"));
      expect(output).toMatch(/wrong version number/);
    });

    it("get a clear answer by HTTP/1.1", async () => {
      const { status, output } = await curl("--include", url());
      expect([status, output.split("\r\n")[0]]).toEqual([0, "HTTP/1.1 505 HTTP Version Not Supported"]);
      expect(output).toContain("This port speaks gRPC over HTTP/2.");
    });
  });

  describe.skipIf(!have.h2load)("and h2load", () => {
    it("get a decision in each of 1,000 Checks", async () => {
      const headers = ["content-type: application/grpc", "te: trailers", `authorization: Bearer ${key}`];
      const { output } = await runSuite(
        "h2load",
        [
          ...["-n", "1000", "-c", "4", "-m", "50", ...headers.flatMap((header) => ["-H", header]), "-d", body],
          `http://${address}/patwarden.v1.AuthorizationService/Check`,
        ],
        55_000,
      );
      expect(output).toContain("1000 succeeded, 0 failed, 0 errored, 0 timeout");
    });
  });

  describe.each(proxies)("behind $name", ({ name, configuration }) => {
    describe.skipIf(gateways[name].program === undefined)("", () => {
      let server: Server;
      /** Counts the connections between the proxy and the server. */
      let way: FaultProxy;
      let gateway: Gateway;
      let port: Port;
      beforeAll(async () => {
        // So that connections end while the proxy has calls for them.
        const env = { ...onEngine("builtin"), PATWARDEN_GRPC_MAX_CONNECTION_AGE: "1s" };
        server = await patwarden.startReplica({ env });
        way = await startProxy(server.grpc);
        gateway = await startProxyProgram(name, configuration, { PATWARDEN_PORT: String(way.port) });
        port = grpcPort(`127.0.0.1:${gateway.port}`, server.keys.admin);
        await vi.waitFor(async () => expect((await port.call(check, question())).ok).toBe(true), { timeout: 60_000 });
      });
      afterAll(async () => {
        port?.close();
        await gateway?.stop();
        await way?.close();
        await server?.stop();
      });

      it("answers calls, streams and refusals with their details", async () => {
        expect(await port.call(check, question())).toMatchObject({ ok: true, value: { reason: Reason.ALLOWED } });
        const { token } = question();
        expect(await port.list(listResources, { token, type: "document", action: "viewer" })).toMatchObject({
          ok: true,
          value: [{ resources: expect.arrayContaining(["document:roadmap"]) }],
        });
        expect(await port.call(check, {})).toMatchObject({
          code: "INVALID_ARGUMENT",
          reason: "INVALID_FIELD",
          fields: expect.arrayContaining(["token"]),
        });
        expect(await port.call(check, question(), { key: null })).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
        // More than one frame, and more than a window.
        const long = { subject: "user:alice", name: "n".repeat(200_000) };
        expect(await port.call(createToken, long)).toMatchObject({ reason: "INVALID_FIELD" });
        const tooLong = { ...long, name: "n".repeat(300_000) };
        expect(await port.call(createToken, tooLong)).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
        expect(await port.list(Health.method.watch, {}, { timeoutMs: 300 })).toMatchObject({
          code: "DEADLINE_EXCEEDED",
        });
      });

      it("loses no call while the connections behind it end and begin", async () => {
        const before = way.accepted();
        const outcomes = new Map<string, number>();
        // Two ends at least.
        const worker = async (): Promise<void> => {
          while (way.accepted() < before + 2) {
            const reply = await port.call(check, question());
            const outcome = reply.ok ? `reason ${reply.value.reason}` : `${reply.code}: ${reply.message}`;
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          }
        };
        await Promise.all(Array.from({ length: 8 }, worker));
        expect([...outcomes.keys()]).toEqual([`reason ${Reason.ALLOWED}`]);
      });
    });
  });
});
