import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { httpPort, type Port } from "../kit/ports.js";
import type { FaultProxy } from "../kit/proxy.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey, type Server } from "../kit/server.js";

const page = "https://app.example.com";
const oauthIssuer = "https://patwarden.example.com";
const behalf = newKey();

let issuer: TestIssuer;
let patwarden: Patwarden;
let database: FaultProxy;
/** The public port, without a credential. */
let port: Port;
beforeAll(async () => {
  issuer = await startTestIssuer();
  patwarden = await startPatwarden({
    config: {
      public_http: { listen: "127.0.0.1:0", origins: [page, "http://localhost:3000"] },
      issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
      limits: { self_per_minute: 0 },
      integrations: {
        oauth: { enabled: true, issuer: oauthIssuer },
        authzen: { enabled: true, identifier: oauthIssuer },
        forward_auth: { enabled: true },
        leaks: { report: true },
      },
    },
    callers: [{ name: "backend", key_sha256: [hashOf(behalf)], permissions: ["tokens.behalf"] }],
  });
  database = patwarden.faults.database;
  port = httpPort(patwarden.server.publicHttp, "");
});
afterAll(async () => {
  await patwarden.stop();
  await issuer.stop();
});

const { createToken, getToken, listTokens, revokeToken } = TokenService.method;
const asAlice = async () => ({ key: await issuer.sign({ sub: "alice" }) });
const at = (path: string, init?: RequestInit, origin = patwarden.server.publicHttp) => fetch(`${origin}${path}`, init);
const self = (token: string, init: RequestInit = {}, origin?: string) =>
  at("/v1/self", { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } }, origin);

describe("the public port", () => {
  it("lets a user make, see and end tokens", async () => {
    const user = await asAlice();
    const made = await port.call(createToken, { name: "by myself", grant: { full: true } }, user);
    if (!made.ok) throw new Error(made.message);
    expect(made.value.token?.subject).toBe("user:alice");
    const id = made.value.token?.id ?? "";
    const listed = await port.call(listTokens, {}, user);
    expect(listed.ok && listed.value.tokens.some((token) => token.id === id)).toBe(true);
    expect(await port.call(PolicyService.method.getPolicy, { scope: "organization:acme" }, user)).toMatchObject({
      reason: "CALLER_FORBIDDEN",
    });
    expect(await port.call(UsageService.method.queryUsage, { tokenId: id }, user)).toMatchObject({ ok: true });
    expect(await port.call(revokeToken, { id }, user)).toMatchObject({ ok: true });
    expect(
      await port.call(getToken, { id: patwarden.alice.token.id }, { key: await issuer.sign({ sub: "carol" }) }),
    ).toEqual(expect.objectContaining({ reason: "NOT_FOUND" }));
  });

  it("lets a token end itself, and nothing else", async () => {
    const own = await patwarden.createToken({ subject: "user:alice", name: "short", grant: { full: true } });
    const key = own.secret;
    expect(await port.call(getToken, { id: own.token.id }, { key })).toMatchObject({ reason: "CALLER_FORBIDDEN" });
    expect(await port.call(createToken, { name: "n", grant: { full: true } }, { key })).toMatchObject({ ok: false });
    expect(await port.call(revokeToken, {}, { key })).toMatchObject({ ok: true });
  });

  it("accepts no service key: it is refused like any text, byte for byte", async () => {
    const answer = async (headers: Record<string, string>) => {
      const path = "/patwarden.v1.TokenService/ListTokens";
      const all = { "content-type": "application/json", "x-request-id": "same", ...headers };
      const response = await at(path, { method: "POST", headers: all, body: "{}" });
      return [response.status, await response.text()];
    };
    const refused = await answer({ authorization: "Bearer garbage" });
    expect(refused[0]).toBe(401);
    const alice = await issuer.sign({ sub: "alice" });
    for (const key of [patwarden.server.keys.admin, patwarden.server.keys.checker, behalf]) {
      expect(await answer({ authorization: `Bearer ${key}` })).toEqual(refused);
      // Nor can it pass on a user's token.
      const passedOn = { authorization: `Bearer ${key}`, "patwarden-user-authorization": `Bearer ${alice}` };
      expect(await answer(passedOn)).toEqual(refused);
    }
    expect(await answer({})).toEqual(refused);
    const ignored = { authorization: `Bearer ${alice}`, "patwarden-user-authorization": "Bearer garbage" };
    expect((await answer(ignored))[0]).toBe(200);
  });

  it("serves what is for people, and nothing for services", async () => {
    const key = patwarden.server.keys.admin;
    for (const service of [AuthorizationService, SubjectService]) {
      for (const { name } of service.methods) {
        const path = `/${service.typeName}/${name}`;
        const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
        expect([path, (await at(path, { method: "POST", headers, body: "{}" })).status]).toEqual([path, 404]);
      }
    }
    for (const [method, path] of [
      ["POST", "/grpc.health.v1.Health/Check"],
      ["POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"],
      ["GET", "/readyz"],
      ["GET", "/metrics"],
      ["POST", "/oauth2/introspect"],
      ["POST", "/oauth2/revoke"],
      ["POST", "/access/v1/evaluation"],
      ["GET", "/.well-known/authzen-configuration"],
      ["GET", "/forward-auth"],
      ["GET", "/nginx-auth"],
      // Not enabled.
      ["POST", "/secret-scanning"],
    ] as const) {
      expect([path, (await at(path, { method })).status]).toEqual([path, 404]);
      // These paths exist on another port, so that the line above proves something.
      if (!/metrics|scanning|grpc/.test(path))
        expect((await at(path, { method }, patwarden.server.http)).status).not.toBe(404);
    }
    expect(await (await at("/livez")).text()).toBe("ok");
    const metadata = await at("/.well-known/oauth-authorization-server");
    expect(metadata.headers.get("cache-control")).toBe("public, max-age=300");
    expect(await metadata.json()).toMatchObject({ issuer: oauthIssuer });
  });

  it("speaks gRPC-Web", async () => {
    const transport = createGrpcWebTransport({ baseUrl: patwarden.server.publicHttp, httpVersion: "1.1" });
    const { key } = await asAlice();
    const { tokens } = await createClient(TokenService, transport).listTokens(
      {},
      { headers: { authorization: `Bearer ${key}` } },
    );
    expect(tokens.some(({ id }) => id === patwarden.alice.token.id)).toBe(true);
  });
});

describe("pages of other origins (CORS)", () => {
  const path = "/patwarden.v1.TokenService/ListTokens";
  const preflight = (origin: string) =>
    at(path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,connect-protocol-version,content-type",
      },
    });
  const corsHeaders = ({ headers }: Response) =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"));

  it("are allowed to ask where they are listed", async () => {
    const response = await preflight(page);
    expect([response.status, await response.text()]).toEqual([204, ""]);
    const { "access-control-allow-headers": allowed, ...others } = corsHeaders(response);
    expect(others).toEqual({
      vary: "Origin",
      "access-control-allow-origin": page,
      "access-control-allow-methods": "POST, GET",
      "access-control-expose-headers": expect.stringMatching(/\bgrpc-status\b/i),
      "access-control-max-age": "7200",
    });
    const needed = [
      ...["authorization", "content-type", "connect-protocol-version", "connect-timeout-ms"],
      ...["grpc-timeout", "x-grpc-web", "x-user-agent", "x-request-id", "x-api-key"],
    ];
    expect(allowed?.toLowerCase().split(", ")).toEqual(expect.arrayContaining(needed));
  });

  it("B10 may send what their tracing adds to every request", async () => {
    const allowed = (await preflight(page)).headers.get("access-control-allow-headers")?.toLowerCase().split(", ");
    const tracing = [
      ...["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "sentry-trace"],
      ...["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "x-datadog-sampling-priority"],
      ...["x-request-id", "x-grpc-web", "grpc-timeout"],
    ];
    expect(allowed).toEqual(expect.arrayContaining(tracing));
    // Each entry must be a name (RFC 9110 §5.1), or browsers ignore the whole list.
    expect(allowed?.filter((name) => !/^[a-z0-9-]+$/.test(name))).toEqual([]);
  });

  it.each([
    "https://evil.example.com",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "null",
  ])("are not where they are not listed: %s", async (origin) => {
    const refused = await preflight(origin);
    expect([refused.status, corsHeaders(refused)]).toEqual([405, { vary: "Origin" }]);
    // It is answered nevertheless: the browser hides the answer from the page.
    const answered = await at("/livez", { headers: { origin } });
    expect([answered.status, corsHeaders(answered)]).toEqual([200, { vary: "Origin" }]);
  });

  it("may read answers of calls, of /v1/self and of documents, and their errors", async () => {
    const { key } = await asAlice();
    const call = { method: "POST", body: "{}" };
    const json = { origin: page, "content-type": "application/json" };
    const replies = [
      await at(path, { ...call, headers: { ...json, authorization: `Bearer ${key}` } }),
      await at(path, { ...call, headers: json }),
      await self(patwarden.alice.secret, { headers: { origin: page } }),
      await self("garbage", { headers: { origin: page } }),
      await at("/.well-known/oauth-authorization-server", { headers: { origin: page } }),
      await at("/nothing", { headers: { origin: page } }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 401, 200, 401, 200, 404]);
    for (const reply of replies) {
      expect(corsHeaders(reply)).toMatchObject({ "access-control-allow-origin": page, vary: "Origin" });
      expect(reply.headers.has("access-control-allow-credentials")).toBe(false);
    }
  });

  it("get no access to the other port", async () => {
    const response = await at("/livez", { headers: { origin: page } }, patwarden.server.http);
    expect(corsHeaders(response)).toEqual({});
  });
});

describe("GET /v1/self", () => {
  const make = (over: object = {}): Promise<IssuedToken> =>
    patwarden.createToken({ subject: "user:alice", name: "for self", grant: { full: true }, ...over });

  it.each(["publicHttp", "http"] as const)("tells a holder whose the token is (%s)", async (which) => {
    const { token, secret } = await make({
      organization: "organization:acme",
      description: "private",
      metadata: { note: "private" },
      claims: { plan: "private" },
      grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
    });
    const origin = patwarden.server[which];
    const response = await self(secret, {}, origin);
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const body = await response.text();
    const iso = (time: { readonly seconds: bigint; readonly nanos: number } | undefined): string =>
      new Date(Number(time?.seconds) * 1000 + Number(time?.nanos) / 1e6).toISOString();
    expect(JSON.parse(body)).toEqual({
      active: true,
      id: token.id,
      subject: "user:alice",
      subject_type: "user",
      organization: "organization:acme",
      name: "for self",
      hint: token.secrets[0]?.hint,
      scope: "viewer:document",
      create_time: iso(token.createTime),
      expire_time: iso(token.expireTime),
    });
    const byKey = await at("/v1/self", { headers: { "x-api-key": secret } }, origin);
    expect(await byKey.text()).toBe(body);
    const head = await self(secret, { method: "HEAD" }, origin);
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("knows organizations and tokens without end", async () => {
    const lifetime = { case: "neverExpires", value: true };
    const { secret } = await make({ subject: "organization:acme", lifetime });
    const body = await (await self(secret)).json();
    expect(body).toMatchObject({ subject_type: "organization", organization: "organization:acme" });
    expect(body).not.toHaveProperty("expire_time");
  });

  it("gives the same answer whatever is wrong with a token", async () => {
    const call = async (
      method: (typeof TokenService.method)["revokeToken" | "suspendToken"],
      { token }: IssuedToken,
    ) => {
      const reply = await patwarden.port.call(method as typeof revokeToken, { id: token.id });
      if (!reply?.ok) throw new Error(JSON.stringify(reply));
    };
    const [revoked, suspended, elsewhere] = [await make(), await make(), await make({ allowedCidrs: ["127.0.0.0/8"] })];
    await call(revokeToken, revoked);
    await call(TokenService.method.suspendToken, suspended);
    const texts = [
      // A token that is bound to networks is judged as in introspection without an address.
      ...[revoked, suspended, elsewhere].map(({ secret }) => secret),
      ...[
        "garbage",
        patwarden.alice.secret.slice(0, -1),
        patwarden.server.keys.admin,
        await issuer.sign({ sub: "alice" }),
      ],
    ];
    const answers = await Promise.all(
      texts.map(async (text) => {
        const { status, headers, body } = await sendRaw(patwarden.server.publicHttp, {
          target: "/v1/self",
          headers: [["Authorization", `Bearer ${text}`]],
        });
        const { date: _, ...others } = headers;
        return { status, body, headers: others };
      }),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="patwarden", error="invalid_token"' },
    });
    const nothing = await at("/v1/self");
    expect([nothing.status, nothing.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="patwarden"']);
  });

  it("refuses two credentials, and one in the query counts for none", async () => {
    const { secret } = patwarden.alice;
    expect((await self(secret, { headers: { "x-api-key": secret } })).status).toBe(400);
    const twice = ["Authorization", `Bearer ${secret}`] as const;
    const raw = await sendRaw(patwarden.server.publicHttp, { target: "/v1/self", headers: [twice, twice] });
    expect(raw.status).toBe(400);
    expect((await at(`/v1/self?access_token=${secret}`)).status).toBe(401);
    expect((await self(secret, { method: "POST" })).status).toBe(405);
  });

  it("leaves no trace on the token", async () => {
    const { token, secret } = await make();
    for (let time = 0; time < 3; time++) expect((await self(secret)).status).toBe(200);
    const asked = await make();
    const used = await patwarden.port.call(AuthorizationService.method.check, {
      token: asked.secret,
      resource: "document:roadmap",
      action: "viewer",
    });
    expect(used).toMatchObject({ ok: true });
    const lastUse = async (id: string) => {
      const reply = await patwarden.port.call(getToken, { id });
      return reply?.ok && reply.value.token?.lastUseTime;
    };
    // By then, background writes have been done.
    await expect.poll(() => lastUse(asked.token.id), { timeout: 20_000 }).toBeTruthy();
    expect(await lastUse(token.id)).toBeUndefined();
  });

  it("answers 503 when it cannot decide", async () => {
    const { secret } = await make();
    database.cut();
    const response = await self(secret);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    database.heal();
    await expect.poll(async () => (await self(secret)).status, { timeout: 20_000 }).toBe(200);
  });
});

describe("the limit of speed of /v1/self", () => {
  let server: Server;
  beforeAll(async () => {
    server = await patwarden.startReplica({
      config: {
        // One a minute: the limit is not refilled while the test runs.
        limits: { self_per_minute: 1 },
        public_http: { listen: "127.0.0.1:0", trusted_proxies: ["127.0.0.1/32", "10.0.0.0/8"] },
      },
    });
  });
  afterAll(() => server.stop());

  it("is counted for each address that a trusted proxy names, not for one that a caller writes", async () => {
    const from = async (forwarded: string) => {
      const response = await self(
        patwarden.alice.secret,
        { headers: { "x-forwarded-for": forwarded } },
        server.publicHttp,
      );
      const retryAfter = response.headers.get("retry-after");
      if (response.status === 429) expect(Number(retryAfter)).toBeGreaterThan(0);
      return response.status;
    };
    expect(await from("192.0.2.1")).toBe(200);
    expect(await from("192.0.2.1")).toBe(429);
    // Written by the caller, before its own address.
    expect(await from("198.51.100.1, 192.0.2.1")).toBe(429);
    // Passed on by another of our proxies.
    expect(await from("192.0.2.1, 10.1.2.3")).toBe(429);
    expect(await from("192.0.2.2, 10.1.2.3")).toBe(200);
    // The audit trail uses the address too.
    const headers = { "x-forwarded-for": "192.0.2.3" };
    const refused = await httpPort(server.publicHttp, "").call(listTokens, {}, { key: "garbage", headers });
    expect(refused).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    const trail = async () => {
      const reply = await server.port("gRPC").call(AuditService.method.listAuditEvents, { actor: "unknown" });
      return reply?.ok && reply.value.events.map(({ clientIp }) => clientIp);
    };
    await expect.poll(trail, { timeout: 20_000 }).toContainEqual(expect.stringContaining("192.0.2.3"));
    // Every holder has a /64 of IPv6.
    expect(await from("2001:db8::1")).toBe(200);
    expect(await from("2001:db8::ffff:1")).toBe(429);
    expect(await from("2001:db8:0:1::1")).toBe(200);
  });
});
