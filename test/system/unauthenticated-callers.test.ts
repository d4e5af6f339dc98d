import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerReflectionRequestSchema } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService, BatchCheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { type Patwarden, portNames, startPatwarden } from "../kit/patwarden.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey, onEngine } from "../kit/server.js";

const page = "https://app.example.com";
const issuer = "https://patwarden.example.com";
const behalf = newKey();
const settled = { timeout: 20_000, interval: 50 };

const { createToken, listTokens } = TokenService.method;
const { check, batchCheck } = AuthorizationService.method;

let patwarden: Patwarden;
beforeAll(async () => {
  patwarden = await startPatwarden({
    config: {
      public_http: { listen: "127.0.0.1:0", origins: [page] },
      limits: { self_per_minute: 0 },
      integrations: {
        oauth: { enabled: true, issuer, public_revocation: true },
        authzen: { enabled: true, identifier: issuer },
        forward_auth: { enabled: true },
        leaks: { report: true },
      },
    },
    callers: [{ name: "backend", key_sha256: [hashOf(behalf)], permissions: ["tokens.behalf"] }],
  });
});
/** The ports in turn. */
const anyPort = (index: number) => patwarden.server.port(portNames[index % 2] ?? "gRPC");
afterAll(() => patwarden.stop());

/** Well-formed secrets whose tag is wrong. */
const others = new PepperRing("pw", [{ version: 1, key: randomBytes(32), active: true }]);
const guess = (): string => others.mint("pat").text;
const forged = `${[{ alg: "RS256" }, { sub: "alice" }].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.AAAA`;

const raw = (target: string, over: Partial<Parameters<typeof sendRaw>[1]> = {}, at = patwarden.server.http) =>
  sendRaw(at, { target, ...over });
const bearer = (credential: string) => ["Authorization", `Bearer ${credential}`] as const;
const posted = (body: string, type = "application/json", ...headers: (readonly [string, string])[]) => ({
  method: "POST",
  body,
  headers: [["Content-Type", type] as const, ...headers],
});
const form = (body: string) => posted(body, "application/x-www-form-urlencoded");
const self = (credential: string) => raw("/v1/self", { headers: [bearer(credential)] });
const list = "/patwarden.v1.TokenService/ListTokens";
const preflight = {
  method: "OPTIONS",
  headers: [
    ["Origin", page],
    ["Access-Control-Request-Method", "POST"],
  ] as const,
};

describe("S2 calls without a credential", () => {
  /** Each call with its usual status. */
  const asked: readonly (readonly [what: string, status: number, () => Promise<{ readonly status: number }>])[] = [
    ["whether it lives", 200, () => raw("/livez")],
    ["where OAuth is", 200, () => raw("/.well-known/oauth-authorization-server")],
    ["where AuthZEN is", 200, () => raw("/.well-known/authzen-configuration")],
    ["a path that nobody has", 404, () => raw("/nope")],
    ["a method that nobody has", 404, () => raw("/patwarden.v1.TokenService/Nope", posted("{}"))],
    ["a preflight", 204, () => raw(list, preflight, patwarden.server.publicHttp)],
    ["/v1/self with nothing", 401, () => raw("/v1/self")],
    ["/v1/self with garbage", 401, () => self("x")],
    ["/v1/self with a guess", 401, () => self(guess())],
    ["/v1/self with a JWT", 401, () => self(forged)],
    ["a call without a caller", 401, () => raw(list, posted("{}"))],
    ["a call with a key of nobody", 401, () => raw(list, posted("{}", "application/json", bearer(newKey())))],
    ["a call with a guess", 401, () => raw(list, posted("{}", "application/json", bearer(guess())))],
    ["a call with a JWT", 401, () => raw(list, posted("{}", "application/json", bearer(forged)))],
    ["introspection without a caller", 401, () => raw("/oauth2/introspect", form(`token=${guess()}`))],
    ["revocation of a guess", 200, () => raw("/oauth2/revoke", form(`token=${guess()}`))],
    ["forward-auth without a caller", 500, () => raw("/forward-auth")],
    ["AuthZEN without a caller", 401, () => raw("/access/v1/evaluation", posted("{}"))],
    ["a leak of garbage", 202, () => raw("/report-leak", posted('{"credentials":["x"]}'))],
    [
      "a leak of a thousand guesses",
      202,
      () => raw("/report-leak", posted(JSON.stringify({ credentials: Array.from({ length: 1_000 }, guess) }))),
    ],
  ];

  it("S2 reads no database and asks no OpenFGA: they are answered alike when both have gone", async () => {
    const statuses = async () => Promise.all(asked.map(async ([what, , ask]) => [what, (await ask()).status]));
    const expected = asked.map(([what, status]) => [what, status]);
    expect(await statuses()).toEqual(expected);
    const { secret } = await patwarden.createToken();
    for (const proxy of Object.values(patwarden.faults)) proxy.cut();
    try {
      expect(await statuses()).toEqual(expected);
      for (const key of [null, newKey(), guess(), forged])
        expect(await patwarden.port.call(listTokens, {}, { key })).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
      // The control: a credential that could be ours cannot be judged now.
      expect((await self(secret)).status).toBe(503);
    } finally {
      for (const proxy of Object.values(patwarden.faults)) proxy.heal();
    }
    await expect.poll(async () => (await self(secret)).status, settled).toBe(200);
  });

  it.each(portNames)("S2 is refused before it is read where it has too many parts (%s)", async (name) => {
    const items = Array.from({ length: 30_000 }, () => ({}));
    expect(await patwarden.server.port(name).call(batchCheck, { items }, { key: null })).toMatchObject({
      code: "INVALID_ARGUMENT",
      descriptions: [expect.stringContaining("at most")],
    });
  });

  it("S2 the same over Connect with protobuf", async () => {
    const items = Array.from({ length: 30_000 }, () => ({}));
    const reply = await fetch(`${patwarden.server.http}/patwarden.v1.AuthorizationService/BatchCheck`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body: toBinary(BatchCheckRequestSchema, create(BatchCheckRequestSchema, { items })),
    });
    expect([reply.status, Object(await reply.json()).code]).toEqual([400, "invalid_argument"]);
  });

  it.each(portNames)("B3 an overlong access token that a service passes on is refused with why (%s)", async (name) => {
    const sent = (length: number) =>
      patwarden.server
        .port(name)
        .call(
          listTokens,
          {},
          { key: behalf, headers: { "patwarden-user-authorization": `Bearer ${"t".repeat(length - 7)}` } },
        );
    expect(await sent(16_385)).toMatchObject({
      reason: "CALLER_UNAUTHENTICATED",
      metadata: { problem: "the patwarden-user-authorization header has more than 16384 characters" },
    });
    const refused = await sent(16_384);
    expect(refused).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    expect(!refused.ok && refused.metadata).not.toHaveProperty("problem");
  });

  it("S12 what a port closes and gives up is counted by its name", async () => {
    const text = await patwarden.metrics();
    for (const port of ["grpc", "http", "public_http"]) {
      expect(text).toContain(`patwarden_connections_closed_total{port="${port}",cause="hello"} 0`);
      expect(text).toContain(`patwarden_requests_given_up_total{port="${port}",cause="late"} 0`);
    }
  });
});

describe("S11 refused calls of one caller", () => {
  it("S11 300 CreateToken calls of a token with an empty grant write twenty events", async () => {
    const made = () => patwarden.createToken({ name: "empty", grant: {} });
    const [caller, later] = [await made(), await made()];
    const refusals = async ({ token }: typeof caller) => {
      const asked = { actor: `token:${token.id}`, pageSize: 1_000 };
      const reply = await patwarden.port.call(AuditService.method.listAuditEvents, asked);
      if (!reply.ok) throw new Error(reply.message);
      return reply.value.events.length;
    };
    const attempt = async ({ secret }: typeof caller, index = 0) => {
      const reply = await anyPort(index).call(createToken, { name: "n" }, { key: secret });
      expect(reply).toMatchObject({ reason: "CALLER_FORBIDDEN" });
    };
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 30 }, (_, index) => attempt(caller, index)));
    // Later refusals of another caller are written after its own.
    const written = async () => {
      await attempt(later);
      return refusals(later);
    };
    await expect.poll(written, settled).toBeGreaterThan(0);
    const count = await refusals(caller);
    expect(count).toBeGreaterThanOrEqual(20);
    // A machine that takes more than a minute starts a new count; without the limit there would be 300.
    expect(count).toBeLessThan(100);
  });
});

describe.each(grpcEngines)("S2 a flood of reflection questions, by %s", (engine) => {
  it("S2 stops no Check of another connection, and SIGTERM is heard in it", async () => {
    const { alice } = patwarden;
    // The flood continues while the server drains.
    const server = await patwarden.startReplica({ config: { grace: "1s" }, env: onEngine(engine) });
    const port = server.port("gRPC");
    const request = create(ServerReflectionRequestSchema, {
      messageRequest: { case: "fileByFilename", value: "patwarden/v1/token.proto" },
    });
    const message = Buffer.from(toBinary(ServerReflectionRequestSchema, request));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    /** 64 KiB of questions. */
    const chunk = Buffer.alloc(65_536 - (65_536 % (5 + message.length)), Buffer.concat([prefix, message]));
    const session = http2.connect(`http://${server.grpc}`);
    session.on("error", () => undefined);
    await once(session, "connect");
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let chunks = 0;
    const flood = () => {
      if (session.destroyed || session.closed || chunks >= 400) return;
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      stream.on("error", () => undefined).on("close", () => setImmediate(flood));
      const more = () => {
        while (!stream.closed && chunks < 400) {
          chunks++;
          if (!stream.write(chunk)) break;
        }
      };
      stream.on("drain", more).resume();
      more();
    };
    for (let stream = 0; stream < 4; stream++) flood();
    const question = { token: alice.secret, resource: "document:roadmap", action: "viewer" };
    for (let asked = 0; asked < 100; asked++) {
      const reply = await port.call(check, question, { timeoutMs: 20_000 });
      expect(reply.ok ? reply.value.reason : reply.code).toBe(Reason.ALLOWED);
    }
    expect(chunks).toBeGreaterThan(0);
    expect(await server.stop("SIGTERM")).toBe(0);
    session.destroy();
  });
});
