import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { type FaultProxy, startProxy } from "../kit/proxy.js";
import { type RawReply, sendRaw, untilDecided } from "../kit/raw-http.js";
import { hashOf, newKey, type Server } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
const issuer = "https://patwarden.example.com/tenant";
const api = "https://api.example.com";
const integrations = {
  oauth: { enabled: true, issuer, exchange: { audiences: [api, "shop"], lifetime: "5m" } },
  forward_auth: { enabled: true },
  authzen: { enabled: true, identifier: "https://patwarden.example.com" },
  routes: [{ path: "/docs/{id}", resource: "document:{id}", action: "viewer" }],
};
const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";

type Parameters = Readonly<Record<string, string | undefined>>;

describe("token exchange", () => {
  const keys = { edge: newKey(), shop: newKey(), gateway: newKey() };
  const callers = [
    { name: "edge", key_sha256: [hashOf(keys.edge)], permissions: ["tokens.exchange"] },
    {
      name: "shop",
      key_sha256: [hashOf(keys.shop)],
      permissions: ["tokens.exchange"],
      exchange_audiences: ["shop"],
    },
    { name: "gateway", key_sha256: [hashOf(keys.gateway)], permissions: ["check", "introspect", "tokens.revoke"] },
  ];
  let patwarden: Patwarden;
  /** Has faults on its connections to the database and to OpenFGA. */
  let other: Server;
  let database: FaultProxy;
  let openfga: FaultProxy;
  let replicas: readonly Server[];
  let narrow: IssuedToken;
  beforeAll(async () => {
    patwarden = await startPatwarden({ callers, config: { integrations } });
    const url = new URL(patwarden.databaseUrl);
    [database, openfga] = await Promise.all([startProxy(url.host), startProxy(patwarden.openfga.grpc)]);
    url.host = database.address;
    other = await patwarden.startReplica({
      databaseUrl: url.href,
      openfga: { addresses: [openfga.address] },
      config: { integrations },
      callers,
    });
    replicas = [patwarden.server, other];
    narrow = await patwarden.createToken({
      subject: "user:alice",
      name: "narrow",
      grant: { rules: [{ actions: ["viewer", "editor"], resources: ["document:roadmap"] }] },
      metadata: { note: "of the holder" },
      claims: { plan: "gold" },
    });
  });
  afterAll(async () => {
    await other.stop();
    await patwarden.stop();
    await Promise.all([database.close(), openfga.close()]);
  });

  const basic = (name: keyof typeof keys): [string, string] => [
    "Authorization",
    `Basic ${Buffer.from(`${name}:${keys[name]}`).toString("base64")}`,
  ];
  const form = ["Content-Type", "application/x-www-form-urlencoded"] as const;
  const send = (server: Server, target: string, body: string, ...headers: (readonly [string, string])[]) =>
    sendRaw(server.http, { method: "POST", target, body, headers: [form, ...headers] });
  const bodyOf = (secret: string, over: Parameters = {}): string => {
    const parameters: Parameters = {
      grant_type: exchangeGrant,
      subject_token: secret,
      subject_token_type: accessToken,
      audience: api,
      ...over,
    };
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return new URLSearchParams(given).toString();
  };
  const exchangeOnce = (secret: string, over: Parameters = {}, server = patwarden.server, caller = basic("edge")) =>
    send(server, "/oauth2/token", bodyOf(secret, over), caller);
  const exchange: typeof exchangeOnce = (...asked) =>
    untilDecided(
      () => exchangeOnce(...asked),
      ({ status }) => status,
    );
  const jwtOf = async (...asked: globalThis.Parameters<typeof exchangeOnce>): Promise<string> => {
    const { status, body } = await exchange(...asked);
    if (status !== 200) throw new Error(body);
    return JSON.parse(body).access_token;
  };
  /** Verifies a JWT as a service does that knows only the URL of the keys. */
  const verify = async (jwt: string, server: Server): Promise<JWTPayload> => {
    const keySet = createRemoteJWKSet(new URL(`${server.http}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(jwt, keySet, { issuer, audience: api, typ: "at+jwt" });
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "at+jwt", kid: expect.any(String) });
    return payload;
  };
  const errorOf = ({ status, body }: RawReply): unknown => [status, JSON.parse(body).error];
  const call = async <Method extends (typeof TokenService.method)["revokeToken"]>(method: Method, id: string) => {
    const { port } = patwarden;
    const reply = await port.call(method, { id });
    if (!reply?.ok) throw new Error(JSON.stringify(reply));
    return reply.value;
  };

  it("O5 gives a JWT that every service can verify by the keys of every replica", async () => {
    const before = Math.floor(Date.now() / 1000);
    const reply = await exchange(narrow.secret);
    expect(reply.headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    const { access_token: jwt, ...rest } = JSON.parse(reply.body);
    const scope = "viewer:document:roadmap editor:document:roadmap";
    expect(rest).toEqual({ issued_token_type: accessToken, token_type: "Bearer", expires_in: 300, scope });
    for (const server of replicas) {
      const claims = await verify(jwt, server);
      expect(claims).toEqual({
        iss: issuer,
        sub: "user:alice",
        aud: api,
        client_id: "edge",
        iat: expect.any(Number),
        exp: (claims.iat ?? 0) + 300,
        jti: expect.any(String),
        scope,
        token_id: narrow.token.id,
        claims: { plan: "gold" },
      });
      expect(claims.iat).toBeGreaterThanOrEqual(before);
      expect(claims.iat).toBeLessThanOrEqual(Date.now() / 1000);
    }
    for (const server of replicas) await verify(await jwtOf(patwarden.alice.secret, {}, server), patwarden.server);
  });

  it.each<[string, Parameters, object]>([
    ["what was asked for, of which nothing is said", { scope: "viewer:document:roadmap" }, {}],
    [
      "each word once",
      { scope: "viewer:document:roadmap viewer:document:roadmap" },
      { scope: "viewer:document:roadmap" },
    ],
    ["an access token", { scope: "viewer:document:roadmap", requested_token_type: accessToken }, {}],
    ["a JWT", { scope: "viewer:document:roadmap", requested_token_type: jwtType }, { issued_token_type: jwtType }],
    ["a resource", { scope: "viewer:document:roadmap", audience: undefined, resource: api }, {}],
    [
      "all where what is sent has no value",
      { scope: "", resource: "", requested_token_type: "" },
      { scope: expect.any(String) },
    ],
  ])("gives %s", async (_, over, said) => {
    const { access_token: jwt, ...rest } = JSON.parse((await exchange(narrow.secret, over)).body);
    expect(rest).toEqual({ issued_token_type: accessToken, token_type: "Bearer", expires_in: 300, ...said });
    const claims = decodeJwt(jwt);
    expect([claims.aud, claims["scope"]]).toEqual([api, rest.scope ?? over["scope"]]);
  });

  it("O5 does not live longer than the token or an old secret", async () => {
    const expireTime = { seconds: BigInt(Math.floor(Date.now() / 1000) + 100), nanos: 900_000_000 };
    const { secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "short",
      grant: { full: true },
      lifetime: { case: "expireTime", value: expireTime },
    });
    expect(decodeJwt(await jwtOf(secret)).exp).toBe(Number(expireTime.seconds));
    const rotated = await patwarden.createToken({ subject: "user:alice", name: "rotated", grant: { full: true } });
    const { port } = patwarden;
    const grace = { seconds: 60n, nanos: 0 };
    const reply = await port.call(TokenService.method.rotateToken, { id: rotated.token.id, grace });
    const retired = reply?.ok && reply.value.token?.secrets.find(({ current }) => !current)?.expireTime;
    if (!reply?.ok || !retired) throw new Error(JSON.stringify(reply));
    expect(decodeJwt(await jwtOf(rotated.secret)).exp).toBe(Number(retired.seconds));
    const { iat = 0, exp } = decodeJwt(await jwtOf(reply.value.secret));
    expect(exp).toBe(iat + 300);
  });

  it.each<[string, Parameters, string, [string, string]?]>([
    ["another grant", { grant_type: "client_credentials" }, "unsupported_grant_type"],
    ["no grant", { grant_type: undefined }, "invalid_request"],
    ["no token", { subject_token: undefined }, "invalid_request"],
    ["no type", { subject_token_type: undefined }, "invalid_request"],
    ["another type", { subject_token_type: jwtType }, "invalid_request"],
    ["an actor", { actor_token: "x", actor_token_type: accessToken }, "invalid_request"],
    ["the type of an actor", { actor_token_type: accessToken }, "invalid_request"],
    ["a refresh token", { requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }, "invalid_request"],
    ["no target", { audience: undefined }, "invalid_request"],
    ["an audience that nobody may", { audience: "https://elsewhere.example" }, "invalid_target"],
    ["a resource that nobody may", { audience: undefined, resource: `${api}/` }, "invalid_target"],
    ["an audience and a resource", { resource: api }, "invalid_target"],
    ["a wider scope", { scope: "viewer:document" }, "invalid_scope"],
    ["everything", { scope: "full" }, "invalid_scope"],
    ["a part beyond", { scope: "viewer:document:roadmap viewer:document:payroll" }, "invalid_scope"],
    ["no scope at all", { scope: "viewer" }, "invalid_scope"],
    ["5 KiB of scope", { scope: "x".repeat(5 * 1024) }, "invalid_scope"],
  ])("refuses %s", async (_, over, error) => {
    const reply = await exchange(narrow.secret, over);
    expect(errorOf(reply)).toEqual([400, error]);
    expect(reply.headers["cache-control"]).toBe("no-store");
  });

  it("gives a caller what is on its list, and one without the permission nothing", async () => {
    expect(errorOf(await exchange(narrow.secret, {}, patwarden.server, basic("shop")))).toEqual([
      400,
      "invalid_target",
    ]);
    const { client_id, aud } = decodeJwt(
      await jwtOf(narrow.secret, { audience: "shop" }, patwarden.server, basic("shop")),
    );
    expect([client_id, aud]).toEqual(["shop", "shop"]);
    const gateway = await exchange(narrow.secret, {}, patwarden.server, basic("gateway"));
    expect(errorOf(gateway)).toEqual([400, "unauthorized_client"]);
    const stranger = await send(patwarden.server, "/oauth2/token", bodyOf(narrow.secret), [
      "Authorization",
      `Bearer ${newKey()}`,
    ]);
    expect(errorOf(stranger)).toEqual([401, "invalid_client"]);
    expect(stranger.headers["www-authenticate"]).toBe('Basic realm="patwarden"');
  });

  it.each<[string, [number, string | undefined], () => Promise<RawReply>]>([
    [
      "GET",
      [405, undefined],
      () => sendRaw(patwarden.server.http, { target: "/oauth2/token", headers: [basic("edge")] }),
    ],
    [
      "JSON",
      [400, "invalid_request"],
      () =>
        sendRaw(patwarden.server.http, {
          method: "POST",
          target: "/oauth2/token",
          body: "{}",
          headers: [basic("edge"), ["Content-Type", "application/json"]],
        }),
    ],
    [
      "a repeated token",
      [400, "invalid_request"],
      () => send(patwarden.server, "/oauth2/token", `${bodyOf("x")}&subject_token=y`, basic("edge")),
    ],
    [
      "a repeated audience",
      [400, "invalid_target"],
      () => send(patwarden.server, "/oauth2/token", `${bodyOf(narrow.secret)}&audience=shop`, basic("edge")),
    ],
    [
      "a repeated resource",
      [400, "invalid_target"],
      () => send(patwarden.server, "/oauth2/token", `${bodyOf(narrow.secret)}&resource=a&resource=b`, basic("edge")),
    ],
    [
      "a token in the query",
      [400, "invalid_request"],
      () => send(patwarden.server, "/oauth2/token?subject_token=x", bodyOf(narrow.secret), basic("edge")),
    ],
    [
      "two caller credentials",
      [400, "invalid_request"],
      () =>
        send(
          patwarden.server,
          "/oauth2/token",
          bodyOf(narrow.secret, { client_id: "edge", client_secret: keys.edge }),
          basic("edge"),
        ),
    ],
    [
      "17 KiB",
      [400, "invalid_request"],
      () => send(patwarden.server, "/oauth2/token", bodyOf("x".repeat(17 * 1024)), basic("edge")),
    ],
  ])("O6 refuses %s", async (_, expected, ask) => {
    const reply = await ask();
    if (reply.status === 405) expect(reply.headers["allow"]).toBe("POST");
    expect([reply.status, reply.status === 405 ? undefined : JSON.parse(reply.body).error]).toEqual(expected);
  });

  it("answers alike whatever is wrong with a token, one that is blocked or bound to networks too", async () => {
    const make = (over: object = {}) =>
      patwarden.createToken({ subject: "user:dave", name: "to be refused", grant: { full: true }, ...over });
    const { admin, storeId } = patwarden.openfga;
    const membership = [{ user: "user:dave", relation: "member", object: "organization:acme" }];
    await admin.writeTuples(storeId, membership);
    const [revoked, suspended, networked, left, disabled, blocked] = await Promise.all([
      make(),
      make(),
      make({ allowedCidrs: ["0.0.0.0/0", "::/0"] }),
      make({ organization: "organization:acme" }),
      make({ subject: "user:erin" }),
      make({ subject: "organization:globex" }),
    ]);
    await admin.deleteTuples(storeId, membership);
    await call(TokenService.method.revokeToken, revoked.token.id);
    const { port } = patwarden;
    const done = await Promise.all([
      port.call(TokenService.method.suspendToken, { id: suspended.token.id }),
      port.call(SubjectService.method.disableSubject, { subject: "user:erin" }),
      port.call(PolicyService.method.updatePolicy, {
        policy: { scope: "organization:globex", allowedCidrs: ["192.0.2.0/24"] },
        updateMask: { paths: ["allowed_cidrs"] },
      }),
    ]);
    expect(done.map((reply) => reply?.ok)).toEqual([true, true, true]);
    const jwt = await jwtOf(narrow.secret);
    const last = narrow.secret.slice(-1) === "0" ? "1" : "0";
    const texts = [
      ...[revoked, suspended, networked, left, disabled, blocked].map(({ secret }) => secret),
      ...["garbage", `${narrow.secret.slice(0, -1)}${last}`, keys.edge, jwt],
    ];
    const replies: RawReply[] = [];
    for (const text of texts) for (const server of replicas) replies.push(await exchange(text, {}, server));
    const [first] = replies;
    expect(first && JSON.parse(first.body)).toEqual({
      error: "invalid_request",
      error_description: "the subject token is not valid",
    });
    for (const { status, body } of replies) expect([status, body]).toEqual([400, first?.body]);
  });

  it("issues a JWT for a token that is bound to an organization only while its user is a member", async () => {
    const bound = await patwarden.createToken({
      subject: "user:alice",
      organization: "organization:acme",
      name: "for acme",
      grant: { full: true },
    });
    const claims = decodeJwt(await jwtOf(bound.secret));
    expect([claims.sub, claims["organization"]]).toEqual(["user:alice", "organization:acme"]);
    openfga.cut();
    const refused = await exchangeOnce(bound.secret, {}, other);
    expect(errorOf(refused)).toEqual([503, "temporarily_unavailable"]);
    expect(refused.headers["retry-after"]).toBe("1");
    // No permission in OpenFGA is needed for this token.
    expect((await exchange(narrow.secret, {}, other)).status).toBe(200);
    openfga.heal();
    expect((await exchange(bound.secret, {}, other)).status).toBe(200);
  });

  it("decides nothing without the database, and still publishes the keys", async () => {
    await jwtOf(narrow.secret, {}, other);
    database.cut();
    const refused = await exchangeOnce(narrow.secret, {}, other);
    expect(errorOf(refused)).toEqual([503, "temporarily_unavailable"]);
    expect((await sendRaw(other.http, { target: "/.well-known/jwks.json" })).status).toBe(200);
    database.heal();
    await expect.poll(async () => (await exchangeOnce(narrow.secret, {}, other)).status, { timeout: 20_000 }).toBe(200);
  });

  it("is refused on every replica after a revocation, which says until when JWTs are valid", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "lost",
      grant: { full: true },
    });
    const ends: number[] = [];
    for (const server of replicas) ends.push(decodeJwt(await jwtOf(secret, {}, server)).exp ?? 0);
    const revoked = await call(TokenService.method.revokeToken, token.id);
    for (const server of replicas)
      expect(errorOf(await exchange(secret, {}, server))).toEqual([400, "invalid_request"]);
    const again = await call(TokenService.method.revokeToken, token.id);
    for (const { residualUntil } of [revoked, again])
      expect(residualUntil && timestampDate(residualUntil)).toEqual(new Date(Math.max(...ends) * 1000));
    const unused = await patwarden.createToken({ subject: "user:alice", name: "unused", grant: { full: true } });
    expect((await call(TokenService.method.revokeToken, unused.token.id)).residualUntil).toBeUndefined();
  });

  it("issues no JWT that is valid longer than a concurrent revocation reports", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "raced",
      grant: { full: true },
    });
    let running = true;
    const got: string[] = [];
    const askers = [...replicas, ...replicas].map(async (server) => {
      while (running) {
        const { status, body } = await exchangeOnce(secret, {}, server);
        if (status === 200) got.push(JSON.parse(body).access_token);
      }
    });
    await expect.poll(() => got.length, { timeout: 20_000 }).toBeGreaterThan(8);
    const { residualUntil } = await call(TokenService.method.revokeToken, token.id);
    const before = got.length;
    running = false;
    await Promise.all(askers);
    expect(got.length - before).toBeLessThanOrEqual(askers.length);
    const last = Math.max(...got.map((jwt) => decodeJwt(jwt).exp ?? Number.POSITIVE_INFINITY));
    expect(residualUntil && timestampDate(residualUntil)).toEqual(new Date(last * 1000));
  });

  it("issues nothing that our own integrations accept", async () => {
    const jwt = await jwtOf(patwarden.alice.secret);
    const bearer = ["Authorization", `Bearer ${jwt}`] as const;
    const introspected = await send(
      patwarden.server,
      "/oauth2/introspect",
      new URLSearchParams({ token: jwt }).toString(),
      basic("gateway"),
    );
    expect(introspected.body).toBe('{"active":false}');
    const asCaller = await send(
      patwarden.server,
      "/oauth2/introspect",
      new URLSearchParams({ token: jwt }).toString(),
      bearer,
    );
    expect(errorOf(asCaller)).toEqual([401, "invalid_client"]);
    for (const port of patwarden.server.ports) {
      const check = { token: jwt, resource: "document:roadmap", action: "viewer" };
      const checked = await port.call(AuthorizationService.method.check, check);
      expect(checked).toMatchObject({ ok: true, value: { allowed: false, tokenValid: false } });
      for (const key of [jwt, "none"]) {
        const listed = await port.call(TokenService.method.listTokens, { subject: "user:alice" }, { key });
        expect(listed).toMatchObject({ ok: false, code: "UNAUTHENTICATED" });
      }
    }
    const proxied = await sendRaw(patwarden.server.http, {
      target: "/forward-auth",
      headers: [
        ["X-Patwarden-Proxy-Key", keys.gateway],
        bearer,
        ["X-Forwarded-Method", "GET"],
        ["X-Forwarded-Proto", "http"],
        ["X-Forwarded-Host", "app.test"],
        ["X-Forwarded-Uri", "/docs/roadmap"],
      ],
    });
    expect(proxied.status).toBe(401);
    const evaluation = {
      subject: { type: "access_token", id: jwt },
      action: { name: "viewer" },
      resource: { type: "document", id: "roadmap" },
    };
    const evaluated = await sendRaw(patwarden.server.http, {
      method: "POST",
      target: "/access/v1/evaluation",
      body: JSON.stringify(evaluation),
      headers: [
        ["Content-Type", "application/json"],
        ["Authorization", `Bearer ${keys.gateway}`],
      ],
    });
    expect([evaluated.status, JSON.parse(evaluated.body).decision]).toEqual([200, false]);
  });

  it("says of its own JWTs, and of nothing else, that they cannot be revoked", async () => {
    const jwt = await jwtOf(narrow.secret);
    const revoke = (token: string, server: Server) =>
      send(server, "/oauth2/revoke", new URLSearchParams({ token }).toString(), basic("gateway"));
    const [header, , signature] = jwt.split(".");
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(jwt), sub: "user:root" })).toString("base64url");
    for (const server of replicas) {
      expect(errorOf(await revoke(jwt, server))).toEqual([400, "unsupported_token_type"]);
      for (const text of [`${header}.${forged}.${signature}`, `${jwt}x`, "a.b.c"])
        expect((await revoke(text, server)).status).toBe(200);
    }
    expect((await exchange(narrow.secret)).status).toBe(200);
  });

  it("publishes its metadata and its keys, with public parameters only", async () => {
    const metadata = await sendRaw(patwarden.server.http, { target: "/.well-known/oauth-authorization-server/tenant" });
    expect(JSON.parse(metadata.body)).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/oauth2/token`,
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      grant_types_supported: [exchangeGrant],
    });
    const published = await Promise.all(
      replicas.map((server) => sendRaw(server.http, { target: "/.well-known/jwks.json" })),
    );
    for (const { status, headers, body } of published) {
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        "content-type": "application/jwk-set+json",
        "cache-control": "public, max-age=300",
      });
      const { keys: shown } = JSON.parse(body);
      for (const jwk of shown) expect(Object.keys(jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
      expect(body).toBe(published[0]?.body);
    }
  });

  it("counts its answers and the token's use", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "used",
      grant: { full: true },
    });
    await jwtOf(secret);
    expect(await patwarden.metrics()).toMatch(
      /patwarden_integration_answers_total\{integration="oauth-token",answer="exchanged"\} [1-9]/,
    );
    const lastUse = async () => {
      const { port } = patwarden;
      const reply = await port.call(TokenService.method.getToken, { id: token.id });
      return reply?.ok ? reply.value.token?.lastUseTime : undefined;
    };
    await expect.poll(lastUse, { timeout: 20_000 }).toBeDefined();
  });

  describe("keys rotate-signing", () => {
    const rotate = (...args: string[]) =>
      promisify(execFile)(
        process.execPath,
        [main, "keys", "rotate-signing", "--config", patwarden.server.configFile, ...args],
        {
          env: { PATH: process.env["PATH"] ?? "" },
        },
      );
    const kidsOf = async (server: Server): Promise<readonly string[]> => {
      const { body } = await sendRaw(server.http, { target: "/.well-known/jwks.json" });
      return JSON.parse(body).keys.map(({ kid }: { readonly kid: string }) => kid);
    };
    /** A replica reads the keys again after ten seconds. */
    const bothPublish = (kids: readonly string[]) =>
      expect.poll(() => Promise.all(replicas.map(kidsOf)), { timeout: 90_000, interval: 500 }).toEqual([kids, kids]);

    it("O5 keeps every JWT verifiable by either replica, and withdraws what is compromised", {
      timeout: 240_000,
    }, async () => {
      const jwt = await jwtOf(narrow.secret);
      const { kid: old = "" } = decodeProtectedHeader(jwt);
      const rotation = JSON.parse((await rotate("--json")).stdout);
      expect(rotation).toEqual({
        kid: expect.any(String),
        algorithm: "ES256",
        signs_from: expect.any(String),
        previous: [{ kid: old, published_until: expect.any(String) }],
      });
      await expect(rotate()).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`the next key signs from ${rotation.signs_from}`),
      });
      await bothPublish([old, rotation.kid]);
      for (const server of replicas) {
        const beside = await jwtOf(narrow.secret, {}, server);
        expect(decodeProtectedHeader(beside).kid).toBe(old);
        for (const shower of replicas) for (const each of [jwt, beside]) await verify(each, shower);
      }
      const { stdout } = await rotate("--compromised");
      const [, next = ""] = /next key: +(\S+) \(ES256\)/.exec(stdout) ?? [];
      await bothPublish([next]);
      for (const server of replicas) {
        const after = await jwtOf(narrow.secret, {}, server);
        expect(decodeProtectedHeader(after).kid).toBe(next);
        for (const shower of replicas) {
          await verify(after, shower);
          await expect(verify(jwt, shower)).rejects.toThrow("no applicable key");
        }
      }
    });
  });

  it("shows no token, JWT or key in a log, and no key in the database", async () => {
    const jwt = await jwtOf(narrow.secret);
    for (const server of replicas) {
      for (const hidden of [narrow.secret.slice(8, 40), jwt.slice(-40), "PRIVATE KEY"])
        expect(server.log()).not.toContain(hidden);
    }
    const dump = await patwarden.dump();
    expect(dump).not.toContain(jwt.slice(-40));
    expect(dump).not.toContain(Buffer.from("PRIVATE KEY").toString("hex"));
  });
});

describe("where exchange is not enabled", () => {
  it("has no endpoint, no keys and nothing to rotate", async () => {
    const patwarden = await startPatwarden({ config: { integrations: { oauth: { enabled: true, issuer } } } });
    try {
      for (const [method, target] of [
        ["POST", "/oauth2/token"],
        ["GET", "/.well-known/jwks.json"],
      ] as const)
        expect((await sendRaw(patwarden.server.http, { method, target })).status).toBe(404);
      const metadata = await sendRaw(patwarden.server.http, {
        target: "/.well-known/oauth-authorization-server/tenant",
      });
      expect(JSON.parse(metadata.body)).not.toHaveProperty("token_endpoint");
      expect(JSON.parse(metadata.body)).toMatchObject({ grant_types_supported: [] });
      const rotating = promisify(execFile)(
        process.execPath,
        [main, "keys", "rotate-signing", "--config", patwarden.server.configFile],
        { env: { PATH: process.env["PATH"] ?? "" } },
      );
      await expect(rotating).rejects.toMatchObject({
        stderr: expect.stringContaining("integrations.oauth.exchange is off"),
      });
    } finally {
      await patwarden.stop();
    }
  });
});
