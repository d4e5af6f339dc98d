import { once } from "node:events";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authorization } from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { grpcPort, httpPort, type Port } from "../kit/ports.js";
import { sendRaw, untilDecided } from "../kit/raw-http.js";
import { onEngine, type Server } from "../kit/server.js";

const { rotateToken } = TokenService.method;
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});
if (!hasIpv6) process.stderr.write("NO IPv6 ON LOOPBACK: the tests of S10 are skipped\n");

const routes = [
  { host: "ADMIN.example.com.", path: "/docs/{id}", resource: "document:payroll", action: "viewer" },
  { method: "GET", path: "/docs/{id}", resource: "document:{id}", action: "viewer" },
];

describe("where a call comes from", () => {
  let patwarden: Patwarden;
  const opened: { close(): void }[] = [];
  beforeAll(async () => {
    patwarden = await startPatwarden({
      config: {
        public_http: { listen: "127.0.0.1:0", trusted_proxies: ["127.0.0.0/8", "10.0.0.0/8"] },
        limits: { creations_per_hour: 0 },
        integrations: {
          routes,
          forward_auth: { enabled: true, trusted_proxies: ["10.0.0.0/8"] },
          ext_authz: { enabled: true, trusted_proxies: ["10.0.0.0/8"] },
        },
      },
    });
    const admitted = await patwarden.port.call(PolicyService.method.updatePolicy, {
      policy: { scope: "user", allowSelfRotation: true },
      updateMask: { paths: ["allow_self_rotation"] },
    });
    if (!admitted?.ok) throw new Error("a policy could not be written");
  });
  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
  });
  afterAll(() => patwarden.stop());

  const boundTo = (...allowedCidrs: readonly string[]) =>
    patwarden.createToken({
      subject: "user:alice",
      name: "bound",
      grant: { full: true },
      allowedCidrs: [...allowedCidrs],
      selfRotate: true,
    });

  /** Returns whether a token that is bound to this range can rotate itself. */
  async function rotates(port: Port, range: string, headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
    const { secret } = await boundTo(range);
    const reply = await port.call(rotateToken, {}, { key: secret, headers });
    if (!reply.ok) expect(reply.reason).toBe("CALLER_FORBIDDEN");
    return reply.ok;
  }

  describe.each(grpcEngines)("S10 over gRPC by %s", (engine) => {
    describe.skipIf(!hasIpv6)("", () => {
      let server: Server;
      /** The port of the gRPC listener, which listens on every address of both families. */
      let grpcPortNumber: number;
      beforeAll(async () => {
        server = await patwarden.startReplica({
          config: { grpc: { listen: "[::]:0", plaintext: true }, limits: { creations_per_hour: 0 } },
          env: onEngine(engine),
        });
        grpcPortNumber = Number(/\d+$/.exec(server.grpc)?.[0]);
      });
      afterAll(() => server?.stop());

      function overGrpc(host: string): Port {
        const port = grpcPort(`${host}:${grpcPortNumber}`, "");
        opened.push(port);
        return port;
      }

      it("S10 a token that is bound to ::1 rotates itself from there, and one that is bound elsewhere does not", async () => {
        const port = overGrpc("[::1]");
        expect(await rotates(port, "::1/128")).toBe(true);
        expect(await rotates(port, "::2/128")).toBe(false);
      });

      it("S10 an IPv4 caller is one on a listener of both families", async () => {
        const port = overGrpc("127.0.0.1");
        expect(await rotates(port, "127.0.0.1/32")).toBe(true);
        expect(await rotates(port, "127.0.0.2/32")).toBe(false);
        expect(await rotates(port, "::/0")).toBe(false);
      });

      it("S10 the port of a caller is no part of its address", async () => {
        const { address, localPort } = await relayWithShortPort(grpcPortNumber);
        const port = grpcPort(address, "");
        opened.push(port);
        expect(await rotates(port, `::1:${localPort}/128`)).toBe(false);
        expect(await rotates(port, "::1/128")).toBe(true);
      });

      it("S10 the trail has the address alone, over both ports", async () => {
        const { token } = await boundTo("::/0");
        const { secret } = await boundTo("::1/128");
        await overGrpc("[::1]").call(rotateToken, {}, { key: secret });
        await overGrpc("127.0.0.1").call(TokenService.method.getToken, { id: token.id }, { key: "garbage" });
        const from = async (action: string) => {
          const reply = await patwarden.port.call(AuditService.method.listAuditEvents, { pageSize: 100 });
          return reply?.ok ? reply.value.events.filter((event) => event.action === action).map((e) => e.clientIp) : [];
        };
        expect((await from("token.rotated"))[0]).toBe("::1");
        await expect.poll(() => from("access.refused")).toContain("127.0.0.1");
        expect((await from("access.refused")).filter((text) => !["127.0.0.1", "::1"].includes(text))).toEqual([]);
      });

      /** Starts a relay that connects from `::1` and a port of four digits, which looks like the end of an address. */
      async function relayWithShortPort(target: number): Promise<{ address: string; localPort: number }> {
        let localPort = 5001;
        const dial = async (): Promise<Socket> => {
          for (; localPort < 9000; localPort += 1) {
            const socket = connect({ host: "::1", port: target, localAddress: "::1", localPort });
            const open = await new Promise<boolean>((resolve) => {
              socket.once("connect", () => resolve(true));
              socket.once("error", () => resolve(false));
            });
            if (open) return socket;
          }
          throw new Error("no port of four digits is free");
        };
        const there = await dial();
        const relay: NetServer = createServer((here) => {
          here.pipe(there).pipe(here);
          here.on("error", () => undefined);
        });
        there.on("error", () => undefined);
        relay.listen(0, "127.0.0.1");
        await once(relay, "listening");
        opened.push({
          close() {
            there.destroy();
            relay.close();
          },
        });
        const { port } = relay.address() as { port: number }; // it listens on TCP
        return { address: `127.0.0.1:${port}`, localPort };
      }
    });
  });

  describe("A4 on the public port, behind a trusted proxy", () => {
    it.each<[string, string | undefined, string, boolean]>([
      ["with a port", "198.51.100.9:51234", "198.51.100.0/24", true],
      ["with a port", "198.51.100.9:51234", "127.0.0.0/8", false],
      ["of IPv6 with a port", "[2001:db8::9]:51234", "2001:db8::/32", true],
      ["after hops", "203.0.113.1, 198.51.100.9:1, 10.0.0.3:2", "198.51.100.0/24", true],
      ["after hops", "203.0.113.1, 198.51.100.9:1, 10.0.0.3:2", "203.0.113.0/24", false],
      ["that is unknown", "unknown", "127.0.0.0/8", false],
      ["that is hidden", "198.51.100.9, _hidden", "127.0.0.0/8", false],
      ["that is empty", "", "127.0.0.0/8", false],
      ["that is a trusted proxy's", "10.0.0.3", "10.0.0.0/8", false],
      ["that is not there", undefined, "127.0.0.0/8", false],
    ])("A4 an address %s: %s, for a token bound to %s: %s", async (_, forwarded, range, expected) => {
      const port = httpPort(patwarden.server.publicHttp, "");
      const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
      expect(await rotates(port, range, headers)).toBe(expected);
    });
  });

  const isNetwork = (status: number): boolean => {
    expect([200, 401]).toContain(status);
    return status === 200;
  };

  it.each<[readonly string[], boolean]>([
    [["198.51.100.9"], true],
    [["198.51.100.9:51234"], true],
    [["203.0.113.1, 198.51.100.9, 10.0.0.3"], true],
    [["203.0.113.1", "198.51.100.9", "10.0.0.3:80"], true],
    [["198.51.100.9, 203.0.113.1, 10.0.0.3"], false],
    [["198.51.100.9, unknown, 10.0.0.3"], false],
    [["10.0.0.3"], false],
    [[], false],
  ])("A4 the integrations of proxies use the client's address in %j: %s", async (forwarded, expected) => {
    const { secret } = await boundTo("198.51.100.0/24");
    for (const [integration, told] of [
      ["forward-auth", ["X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri"]],
      ["nginx", ["X-Original-Method", "X-Original-Host", "X-Original-URI"]],
    ] as const) {
      const headers: [string, string][] = [
        ["X-Patwarden-Proxy-Key", patwarden.server.keys.checker],
        ["Authorization", `Bearer ${secret}`],
        ["X-Forwarded-Proto", "http"],
        ...told.map((name, index): [string, string] => [name, ["GET", "app.test", "/docs/roadmap"][index] ?? ""]),
        ...forwarded.map((value): [string, string] => ["X-Forwarded-For", value]),
      ];
      const { status } = await untilDecided(
        () =>
          sendRaw(patwarden.server.http, {
            target: integration === "nginx" ? "/nginx-auth" : "/forward-auth",
            headers,
          }),
        (reply) => reply.status,
      );
      expect([integration, isNetwork(status)]).toEqual([integration, expected]);
    }
  });

  it.each<[string, Readonly<Record<string, string>>, boolean]>([
    ["198.51.100.9", {}, true],
    ["198.51.100.9", { "x-forwarded-for": "203.0.113.1" }, true],
    ["203.0.113.1", { "x-forwarded-for": "198.51.100.9" }, false],
    ["10.0.0.3", { "x-forwarded-for": "198.51.100.9:51234" }, true],
    ["10.0.0.3", { "x-forwarded-for": "203.0.113.1, 198.51.100.9,10.0.0.3" }, true],
    ["10.0.0.3", { "x-forwarded-for": "198.51.100.9, unknown" }, false],
    ["10.0.0.3", {}, false],
    ["", { "x-forwarded-for": "198.51.100.9" }, false],
  ])("A4 Envoy's source address %s with %j: %s", async (address, forwarded, expected) => {
    const { secret } = await boundTo("198.51.100.0/24");
    const port = grpcPort(patwarden.server.grpc, "");
    opened.push(port);
    const headers = { authorization: `Bearer ${secret}`, ...forwarded };
    const ask = async () => {
      const reply = await port.call(
        Authorization.method.check,
        {
          attributes: {
            request: { http: { method: "GET", host: "app.test", path: "/docs/roadmap", headers } },
            source: { address: { socketAddress: { address } } },
          },
        },
        { key: patwarden.server.keys.checker },
      );
      if (!reply.ok) throw new Error(reply.message);
      const { case: kind, value } = reply.value.httpResponse;
      if (kind === "okResponse") return 200;
      return kind === undefined ? 0 : (value.status?.code ?? 0);
    };
    expect(isNetwork(await untilDecided(ask, (status) => status))).toBe(expected);
  });

  it.each([
    ["app.test", 200],
    ["admin.example.com", 403],
    ["admin.example.com.", 403],
    ["ADMIN.Example.COM.:443", 403],
    ["admin.example.com..", 403],
    ["127.1", 403],
  ])("S14 the host %s has its rules: %s", async (host, expected) => {
    const headers: [string, string][] = [
      ["X-Patwarden-Proxy-Key", patwarden.server.keys.checker],
      ["Authorization", `Bearer ${patwarden.alice.secret}`],
      ["X-Original-Method", "GET"],
      ["X-Original-Host", host],
      ["X-Original-URI", "/docs/roadmap"],
    ];
    const { status } = await untilDecided(
      () => sendRaw(patwarden.server.http, { target: "/nginx-auth", headers }),
      (reply) => reply.status,
    );
    expect(status).toBe(expected);
  });
});
