import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { type FaultProxy, startProxy } from "../kit/proxy.js";
import { type RawReply, sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey, type Server } from "../kit/server.js";

const issuer = "https://patwarden.example.com/tenant";
const integrations = { oauth: { enabled: true, issuer, max_cache: "60s" } };
const form = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();

function post(
  server: Server,
  target: string,
  body: string,
  headers: readonly (readonly [string, string])[] = [],
  method = "POST",
): Promise<RawReply> {
  const typed = headers.some(([name]) => name === "Content-Type");
  const type = ["Content-Type", "application/x-www-form-urlencoded"] as const;
  return sendRaw(server.http, { method, target, body, headers: typed ? headers : [type, ...headers] });
}

describe("the OAuth integrations", () => {
  const gatewayKey = newKey();
  const enderKey = newKey();
  const patience = { hasty: { key: newKey(), max_cache: "10s" }, patient: { key: newKey(), max_cache: "1h" } };
  const callers = [
    {
      name: "gateway",
      key_sha256: [hashOf(gatewayKey)],
      permissions: ["introspect", "tokens.revoke"],
    },
    // Holding a secret is enough to revoke it: this caller ends every token that it is shown.
    { name: "ender", key_sha256: [hashOf(enderKey)], permissions: ["tokens.revoke"], subjects: ["user:carol"] },
    ...Object.entries(patience).map(([name, { key, max_cache }]) => ({
      name,
      key_sha256: [hashOf(key)],
      permissions: ["introspect"],
      max_cache,
    })),
  ];
  let patwarden: Patwarden;
  /** Gets no notifications: it applies a change at its next renewal, unless a revocation waits for it. */
  let other: Server;
  let database: FaultProxy;
  let unheard: FaultProxy;
  beforeAll(async () => {
    patwarden = await startPatwarden({ callers, config: { integrations } });
    database = patwarden.faults.database;
    const listenUrl = new URL(patwarden.databaseUrl);
    unheard = await startProxy(listenUrl.host);
    unheard.cut();
    listenUrl.host = unheard.address;
    other = await patwarden.startReplica({
      config: {
        integrations: { oauth: { ...integrations.oauth, public_revocation: true } },
        database: { url: patwarden.databaseUrl, listen_url: listenUrl.href },
        // Renewed every two seconds.
        token_cache: { lease: "10s" },
      },
      callers,
    });
  });
  afterAll(async () => {
    await other.stop();
    await patwarden.stop();
    await unheard.close();
  });

  const asBasic = (name: string, key: string): [string, string] => [
    "Authorization",
    `Basic ${Buffer.from(`${name}:${key}`).toString("base64")}`,
  ];
  const gateway = () => asBasic("gateway", gatewayKey);
  const introspect = (token: string, server = patwarden.server) =>
    post(server, "/oauth2/introspect", form({ token, token_type_hint: "whatever" }), [gateway()]);
  const revoke = (token: string, server = patwarden.server) =>
    post(server, "/oauth2/revoke", form({ token, token_type_hint: "refresh_token" }), [asBasic("ender", enderKey)]);
  const parsed = ({ status, body }: RawReply): unknown => ({ status, body: JSON.parse(body) });
  const call = async (method: (typeof TokenService.method)[keyof typeof TokenService.method], message: object) => {
    const { port } = patwarden;
    const reply = await port.call(method as typeof TokenService.method.revokeToken, message);
    if (!reply?.ok) throw new Error(JSON.stringify(reply));
  };

  it("O4 describes an active token by numbers and strings that every client accepts", async () => {
    const expireTime = new Date(Math.floor(Date.now() / 1000) * 1000 + 20_000);
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      organization: "organization:acme",
      name: "laptop",
      grant: { rules: [{ actions: ["viewer", "editor"], resources: ["document:*", "document:roadmap"] }] },
      lifetime: { case: "expireTime", value: { seconds: BigInt(expireTime.getTime() / 1000), nanos: 0 } },
    });
    const reply = await introspect(secret);
    expect(reply.headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    expect(parsed(reply)).toEqual({
      status: 200,
      body: {
        active: true,
        scope: "viewer:document viewer:document:roadmap editor:document editor:document:roadmap",
        sub: "user:alice",
        client_id: token.id,
        token_type: "Bearer",
        token_use: "access_token",
        exp: expireTime.getTime() / 1000,
        iat: Number(token.createTime?.seconds),
        iss: issuer,
        jti: token.id,
        organization: "organization:acme",
        subject_type: "user",
      },
    });
  });

  it("O2 lets an answer be kept no longer than configured, also of a token without end", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { exp } = JSON.parse((await introspect(patwarden.alice.secret)).body);
    expect(exp).toBeGreaterThanOrEqual(before + 60);
    expect(exp).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + 60);
  });

  it.each([
    ["hasty", 10],
    ["patient", 60],
  ] as const)("O2 lets the %s caller keep an answer for its own time, if that is shorter", async (name, seconds) => {
    const before = Math.floor(Date.now() / 1000);
    const shown = [asBasic(name, patience[name].key)];
    const reply = await post(patwarden.server, "/oauth2/introspect", form({ token: patwarden.alice.secret }), shown);
    const { exp } = JSON.parse(reply.body);
    expect(exp).toBeGreaterThanOrEqual(before + seconds);
    expect(exp).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + seconds);
  });

  it("S3 lets an answer about a secret that was rotated out be kept no longer than that secret lives", async () => {
    const { token, secret } = await patwarden.createToken();
    const rotated = await patwarden.port.call(TokenService.method.rotateToken, {
      id: token.id,
      grace: { seconds: 30n, nanos: 0 },
    });
    if (!rotated?.ok) throw new Error(JSON.stringify(rotated));
    const ends = Number(rotated.value.token?.secrets.find(({ current }) => !current)?.expireTime?.seconds);
    expect(JSON.parse((await introspect(secret)).body).exp).toBe(ends);
    expect(JSON.parse((await introspect(rotated.value.secret)).body).exp).toBeGreaterThan(ends);
    const self = { method: "GET", target: "/v1/self", headers: [["Authorization", `Bearer ${secret}`]] } as const;
    const { expire_time } = JSON.parse((await sendRaw(patwarden.server.http, self)).body);
    expect(Math.floor(Date.parse(expire_time) / 1000)).toBe(ends);
  });

  it("O1 gives the same answer whatever is wrong with a token", async () => {
    const token = async (over: object = {}) =>
      patwarden.createToken({ subject: "user:alice", name: "to be refused", grant: { full: true }, ...over });
    const [revoked, suspended, future, elsewhere] = await Promise.all([
      token(),
      token(),
      token({ notBefore: { seconds: BigInt(Math.floor(Date.now() / 1000) + 3_600), nanos: 0 } }),
      token({ allowedCidrs: ["192.0.2.0/24"] }),
    ]);
    await call(TokenService.method.revokeToken, { id: revoked.token.id });
    await call(TokenService.method.suspendToken, { id: suspended.token.id });
    const last = patwarden.alice.secret.slice(-1) === "0" ? "1" : "0";
    const texts = [
      ...[revoked, suspended, future, elsewhere].map(({ secret }) => secret),
      ...["garbage", patwarden.alice.secret.slice(0, -1), `${patwarden.alice.secret.slice(0, -1)}${last}`, "é"],
      ...[patwarden.server.keys.admin, "x".repeat(10_000)],
    ];
    const replies = await Promise.all(texts.map((text) => introspect(text)));
    for (const { status, body, headers } of replies) {
      expect([status, body]).toEqual([200, '{"active":false}']);
      expect(headers["content-length"]).toBe(replies[0]?.headers["content-length"]);
    }
  });

  it.each<[string, () => { headers?: [string, string][]; parameters?: Record<string, string> }]>([
    ["Basic", () => ({ headers: [gateway()] })],
    ["the body", () => ({ parameters: { client_id: "gateway", client_secret: gatewayKey } })],
    ["a bearer", () => ({ headers: [["Authorization", `Bearer ${gatewayKey}`]] })],
    [
      "a bearer and its name",
      () => ({ headers: [["Authorization", `Bearer ${gatewayKey}`]], parameters: { client_id: "gateway" } }),
    ],
  ])("knows its caller by %s", async (_, shown) => {
    const { headers = [], parameters = {} } = shown();
    const body = form({ token: patwarden.alice.secret, ...parameters });
    expect(JSON.parse((await post(patwarden.server, "/oauth2/introspect", body, headers)).body).active).toBe(true);
  });

  it.each<[string, () => { headers?: [string, string][]; parameters?: Record<string, string> }]>([
    ["nobody", () => ({})],
    ["another name", () => ({ headers: [asBasic("test", gatewayKey)] })],
    ["a wrong key", () => ({ headers: [asBasic("gateway", newKey())] })],
    ["a name without a key", () => ({ parameters: { client_id: "gateway" } })],
    ["a token", () => ({ headers: [["Authorization", `Bearer ${patwarden.alice.secret}`]] })],
    ["another name beside", () => ({ headers: [gateway()], parameters: { client_id: "test" } })],
  ])("refuses %s", async (_, shown) => {
    const { headers = [], parameters = {} } = shown();
    for (const path of ["/oauth2/introspect", "/oauth2/revoke"]) {
      const reply = await post(patwarden.server, path, form({ token: patwarden.alice.secret, ...parameters }), headers);
      expect(parsed(reply)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
      expect(reply.headers["www-authenticate"]).toBe('Basic realm="patwarden"');
    }
  });

  it("refuses a caller without the permission, which is another one for each", async () => {
    const key = patwarden.server.keys.checker;
    for (const path of ["/oauth2/introspect", "/oauth2/revoke"]) {
      const reply = await post(patwarden.server, path, form({ token: patwarden.alice.secret }), [
        ["Authorization", `Bearer ${key}`],
      ]);
      expect(parsed(reply)).toMatchObject({ status: 400, body: { error: "unauthorized_client" } });
    }
  });

  it.each<[string, string, () => Promise<RawReply>, number]>([
    ["GET", "", () => post(patwarden.server, "/oauth2/introspect", "", [gateway()], "GET"), 405],
    [
      "JSON",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect", "{}", [gateway(), ["Content-Type", "application/json"]]),
      400,
    ],
    [
      "a token in the query",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect?token=x", form({ token: "x" }), [gateway()]),
      400,
    ],
    [
      "a repeated token",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect", "token=x&token=y", [gateway()]),
      400,
    ],
    ["no token", "invalid_request", () => post(patwarden.server, "/oauth2/introspect", "", [gateway()]), 400],
    [
      "an empty token",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect", "token=", [gateway()]),
      400,
    ],
    [
      "17 KiB",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect", form({ token: "x".repeat(17 * 1024) }), [gateway()]),
      400,
    ],
    [
      "two ways of authentication",
      "invalid_request",
      () =>
        post(
          patwarden.server,
          "/oauth2/introspect",
          form({ token: "x", client_id: "gateway", client_secret: gatewayKey }),
          [gateway()],
        ),
      400,
    ],
    [
      "two headers",
      "invalid_request",
      () => post(patwarden.server, "/oauth2/introspect", form({ token: "x" }), [gateway(), gateway()]),
      400,
    ],
  ])("O6 refuses %s", async (_, error, send, status) => {
    const reply = await send();
    expect(reply.status).toBe(status);
    if (status === 405) expect(reply.headers["allow"]).toBe("POST");
    else expect(JSON.parse(reply.body)).toMatchObject({ error, error_description: expect.any(String) });
  });

  it("O3 has ended a token on every replica when it answers, no matter whose it is, and gives the same answer for garbage", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "lost",
      grant: { full: true },
    });
    const checkOnOther = async () => {
      const question = { token: secret, resource: "document:roadmap", action: "viewer" };
      const reply = await other.port("gRPC").call(AuthorizationService.method.check, question);
      return reply?.ok ? reply.value.reason : reply;
    };
    expect(await checkOnOther()).toBe(Reason.ALLOWED); // and is in its memory from now on
    const answers = [await revoke(secret)];
    expect(await checkOnOther()).toBe(Reason.TOKEN_REVOKED);
    expect((await introspect(secret, other)).body).toBe('{"active":false}');
    answers.push(await revoke(secret, other), await revoke("garbage"), await revoke(`${secret}x`));
    for (const { status, body } of answers) expect([status, body]).toEqual([200, ""]);
    const { port } = patwarden;
    const reply = await port.call(TokenService.method.getToken, { id: token.id });
    expect(reply?.ok && reply.value.token?.revocationReason).toBe(1);
  });

  it("O3 answers 503 while the database is gone, the token lives, and a repeat ends it", async () => {
    const { secret } = await patwarden.createToken({ subject: "user:alice", name: "survivor", grant: { full: true } });
    database.cut();
    const refused = await revoke(secret);
    expect(parsed(refused)).toMatchObject({ status: 503, body: { error: "temporarily_unavailable" } });
    expect(refused.headers["retry-after"]).toBe("1");
    expect(JSON.parse((await introspect(secret, other)).body).active).toBe(true);
    database.heal();
    await expect.poll(async () => (await revoke(secret)).status, { timeout: 20_000 }).toBe(200);
    expect((await introspect(secret, other)).body).toBe('{"active":false}');
  });

  it("publishes its metadata under the issuer's own path", async () => {
    const found = await post(patwarden.server, "/.well-known/oauth-authorization-server/tenant", "", [], "GET");
    expect(found.headers["cache-control"]).toBe("public, max-age=300");
    expect(parsed(found)).toMatchObject({
      status: 200,
      body: {
        issuer,
        introspection_endpoint: `${issuer}/oauth2/introspect`,
        revocation_endpoint: `${issuer}/oauth2/revoke`,
      },
    });
  });

  describe("where revocation is public", () => {
    const end = (token: string, parameters: Record<string, string> = {}, headers: [string, string][] = []) =>
      post(other, "/oauth2/revoke", form({ token, ...parameters }), headers);
    const isActive = async (token: string) => JSON.parse((await introspect(token)).body).active;
    const made = () => patwarden.createToken({ subject: "user:alice", name: "found", grant: { full: true } });

    it("lets the holder of a token end it on every replica, in the token's own name", async () => {
      const { token, secret } = await made();
      const suspended = await made();
      await call(TokenService.method.suspendToken, { id: suspended.token.id });
      for (const text of [secret, secret, suspended.secret]) {
        const reply = await end(text);
        expect([reply.status, reply.body]).toEqual([200, ""]);
      }
      expect(await isActive(secret)).toBe(false);
      const { port } = patwarden;
      for (const { id } of [token, suspended.token]) {
        const events = await port.call(AuditService.method.listAuditEvents, { tokenId: id });
        const revoked = events?.ok ? events.value.events.filter(({ action }) => action === "token.revoked") : [];
        expect(revoked).toMatchObject([{ actor: `token:${id}`, clientIp: "127.0.0.1" }]);
      }
    });

    it("ends nothing for a superseded secret, and gives the same answer for it and for garbage", async () => {
      const { token, secret: old } = await made();
      const { port } = patwarden;
      const rotated = await port.call(TokenService.method.rotateToken, { id: token.id });
      const replies = [await end(old), await end("garbage"), await end(`${old}x`)];
      for (const { status, body } of replies) expect([status, body]).toEqual([200, ""]);
      expect(await isActive(rotated?.ok ? rotated.value.secret : "")).toBe(true);
    });

    it("still refuses a wrong credential, and accepts a name without a secret as no credential", async () => {
      const { secret } = await made();
      for (const headers of [[asBasic("gateway", newKey())], [["Authorization", ""]]] satisfies [string, string][][])
        expect(parsed(await end(secret, {}, headers))).toMatchObject({
          status: 401,
          body: { error: "invalid_client" },
        });
      const posted = { client_id: "gateway", client_secret: "" };
      expect(parsed(await end(secret, posted))).toMatchObject({ status: 401, body: { error: "invalid_client" } });
      const hasty = [asBasic("hasty", patience.hasty.key)];
      expect(parsed(await end(secret, {}, hasty))).toMatchObject({
        status: 400,
        body: { error: "unauthorized_client" },
      });
      expect(await isActive(secret)).toBe(true);
      expect((await end(secret, { client_id: "shop-plugin" })).status).toBe(200);
      expect(await isActive(secret)).toBe(false);
    });

    it("enables nothing else, and is in the metadata", async () => {
      const reply = await post(other, "/oauth2/introspect", form({ token: patwarden.alice.secret }));
      expect(parsed(reply)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
      const metadata = await post(other, "/.well-known/oauth-authorization-server/tenant", "", [], "GET");
      expect(JSON.parse(metadata.body)).toMatchObject({
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
      });
    });

    it("is limited by address, without effect on callers", async () => {
      const replies = await Promise.all(Array.from({ length: 60 }, () => end("garbage")));
      const limited = replies.filter(({ status }) => status === 429);
      expect(limited.length).toBeGreaterThan(0);
      for (const reply of limited) {
        expect(JSON.parse(reply.body)).toMatchObject({ error: "temporarily_unavailable" });
        expect(reply.headers).toMatchObject({ "retry-after": "1", "cache-control": "no-store" });
      }
      expect((await revoke("garbage", other)).status).toBe(200);
      const metrics = await (await fetch(`http://${other.metrics}/metrics`)).text();
      expect(metrics).toContain(`integration="oauth-revoke",answer="limited"} ${limited.length}`);
    });
  });

  it("shows a token to no log", () => {
    for (const server of [patwarden.server, other])
      expect(server.log()).not.toContain(patwarden.alice.secret.slice(8, 40));
  });
});
