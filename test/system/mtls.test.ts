import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import tls from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { Authorization } from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { GrpcEngine } from "../../src/domain/grpc-engine.js";
import { type Authority, createAuthority, type Identity } from "../kit/authority.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { type CallSettings, grpcPort, type Reply } from "../kit/ports.js";
import { textOf, untilDecided } from "../kit/raw-http.js";
import { hashOf, newKey, type Server } from "../kit/server.js";

const spiffe = (name: string): string => `spiffe://cluster.local/ns/shop/sa/${name}`;
const oauthIssuer = "https://patwarden.example.com";
const gatewayKey = newKey();
interface Known {
  readonly name: string;
  readonly certificates?: readonly string[];
  readonly key_sha256?: readonly string[];
  readonly permissions: readonly string[];
}
const callers: readonly Known[] = [
  { name: "orders", certificates: [spiffe("orders"), spiffe("orders-canary")], permissions: ["check"] },
  { name: "web", certificates: [spiffe("web")], permissions: ["tokens.behalf"] },
  {
    name: "gateway",
    certificates: [spiffe("gateway")],
    key_sha256: [hashOf(gatewayKey)],
    permissions: ["introspect", "tokens.revoke"],
  },
];
const integrations = {
  routes: [{ method: "GET", path: "/docs/{id}", resource: "document:{id}", action: "viewer" }],
  forward_auth: { enabled: true },
  ext_authz: { enabled: true },
  authzen: { enabled: true, identifier: "https://pdp.example.com" },
  oauth: { enabled: true, issuer: oauthIssuer },
};

let patwarden: Patwarden;
let issuer: TestIssuer;
let authority: Authority;
/** The server, whose gRPC is `builtin`, and the same with grpc-js. */
let server: Server;
let onGrpcJs: Server;
const identities = new Map<string, Identity>();

/** Returns a certificate of the authority that the server trusts, made once for each set of names. */
function identityOf(names: Readonly<Record<string, string>>, use: "client" | "authority" = "client"): Identity {
  const key = JSON.stringify([names, use]);
  const identity = identities.get(key) ?? authority.issue(names, use);
  identities.set(key, identity);
  return identity;
}
const workload = (name: string): Identity => identityOf({ "URI.1": spiffe(name) });

beforeAll(async () => {
  authority = createAuthority();
  issuer = await startTestIssuer();
  patwarden = await startPatwarden();
  const { certFile: cert, keyFile: key } = authority.issue({ "IP.1": "127.0.0.1", "DNS.1": "localhost" }, "server");
  const listener = { listen: "127.0.0.1:0", tls: { cert, key, client_ca: authority.certFile } };
  const start = (engine: GrpcEngine, more: readonly Known[] = []) =>
    patwarden.startReplica({
      callers: [...callers, ...more],
      config: {
        grpc: { ...listener, engine },
        http: listener,
        integrations,
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
      },
    });
  server = await start("builtin");
  // It knows the keys of the other one.
  const { checker, narrow } = server.keys;
  onGrpcJs = await start("grpc-js", [
    { name: "checker-too", key_sha256: [hashOf(checker)], permissions: ["check"] },
    { name: "narrow-too", key_sha256: [hashOf(narrow)], permissions: ["introspect"] },
  ]);
});
afterAll(async () => {
  await Promise.all([server?.stop(), onGrpcJs?.stop()]);
  await patwarden?.stop();
  await issuer?.stop();
  authority?.remove();
});

const question = () => ({ token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });
const port = (): number => Number(new URL(server.http).port);

async function overGrpc<T>(
  identity: Identity,
  use: (port: ReturnType<typeof grpcPort>) => Promise<T>,
  address = server.grpc,
): Promise<T> {
  const credentials = grpc.credentials.createSsl(authority.cert, identity.key, identity.cert);
  const client = grpcPort(address, "none", credentials);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** Sends over HTTP/1.1 on a new connection. */
async function send(
  { cert, key }: Pick<Identity, "cert" | "key">,
  { method = "POST", path, headers = {}, body = "" }: Sent,
  over: https.RequestOptions = {},
): Promise<Answer> {
  const sent = https.request({
    ...{ host: "127.0.0.1", port: port(), method, path, cert, key, ca: authority.cert, agent: false },
    headers: { ...headers, "content-length": Buffer.byteLength(body) } as https.RequestOptions["headers"],
    ...over,
  });
  sent.end(body);
  const [response] = await once(sent, "response");
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

/** The same over HTTP/2. */
async function send2({ cert, key }: Identity, { path, headers = {}, body = "" }: Sent): Promise<Answer> {
  const session = http2.connect(`https://127.0.0.1:${port()}`, {
    ca: authority.cert,
    cert,
    key,
    servername: "localhost",
  });
  try {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers } as http2.OutgoingHttpHeaders);
    stream.end(body);
    const [got] = await once(stream, "response");
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    return { status: got[":status"], headers: got, body: text };
  } finally {
    session.close();
  }
}

const json = { "content-type": "application/json" };
const sendCheck = (headers: Sent["headers"] = {}): Sent => ({
  path: "/patwarden.v1.AuthorizationService/Check",
  headers: { ...json, ...headers },
  body: JSON.stringify(question()),
});

/** Returns `ALLOWED`, or the reason of the error. */
const ofReply = (reply: Reply<{ readonly reason: Reason }>): string =>
  reply.ok && reply.value.reason === Reason.ALLOWED
    ? "ALLOWED"
    : reply.ok
      ? `REASON ${reply.value.reason}`
      : String(reply.reason);
const ofAnswer = ({ body }: Answer): string => {
  const { reason = "", details = [] } = JSON.parse(body);
  return details[0]?.debug?.reason ?? reason.replace("REASON_", "");
};

const checkOverGrpc = ({ grpc: address }: Server, identity: Identity, authorization?: string): Promise<string> =>
  overGrpc(
    identity,
    async (client) =>
      ofReply(
        await client.call(AuthorizationService.method.check, question(), {
          key: null,
          ...(authorization !== undefined && { headers: { authorization } }),
        }),
      ),
    address,
  );

/** The result of a Check, over each protocol and integration. */
const checks: Readonly<Record<string, (identity: Identity, authorization?: string) => Promise<string>>> = {
  gRPC: (identity, authorization) => checkOverGrpc(server, identity, authorization),
  "gRPC by grpc-js": (identity, authorization) => checkOverGrpc(onGrpcJs, identity, authorization),
  "Connect over HTTP/1.1": async (identity, authorization) =>
    ofAnswer(await send(identity, sendCheck(authorization === undefined ? {} : { authorization }))),
  "Connect over HTTP/2": async (identity, authorization) =>
    ofAnswer(await send2(identity, sendCheck(authorization === undefined ? {} : { authorization }))),
};

describe.each(Object.entries(checks))("a client certificate over %s", (_, check) => {
  it("authenticates the caller with exactly its name", async () => {
    for (const name of ["orders", "orders-canary"]) expect(await check(workload(name))).toBe("ALLOWED");
    const beside = { "URI.1": spiffe("orders"), "DNS.1": "orders.test", "IP.1": "192.0.2.1" };
    expect(await check(identityOf(beside))).toBe("ALLOWED");
    // Another caller, with its own permissions.
    expect(await check(workload("gateway"))).toBe("CALLER_FORBIDDEN");
  });

  it.each<[string, Readonly<Record<string, string>>, "client" | "authority"]>([
    ["another name", { "URI.1": spiffe("payments") }, "client"],
    ["a longer name", { "URI.1": `${spiffe("orders")}/2` }, "client"],
    ["no name", {}, "client"],
    ["the name as a DNS name", { "DNS.1": spiffe("orders") }, "client"],
    ["a DNS name with a URI in it", { "DNS.1": `a.test, URI:${spiffe("orders")}` }, "client"],
    [
      "another name with a URI in it",
      { "otherName.1": `1.3.6.1.4.1.311.20.2.3;UTF8:a, URI:${spiffe("orders")}` },
      "client",
    ],
    ["two URIs", { "URI.1": spiffe("orders"), "URI.2": spiffe("web") }, "client"],
    ["the name of an authority", { "URI.1": spiffe("orders") }, "authority"],
  ])("proves nobody with %s, and does not stand in a key's way", async (_, names, use) => {
    const identity = identityOf(names, use);
    expect(await check(identity)).toBe("CALLER_UNAUTHENTICATED");
    expect(await check(identity, `Bearer ${server.keys.checker}`)).toBe("ALLOWED");
  });

  it("is ignored when the call has a credential, valid or not", async () => {
    expect(await check(workload("gateway"), `Bearer ${server.keys.checker}`)).toBe("ALLOWED");
    expect(await check(workload("orders"), `Bearer ${server.keys.narrow}`)).toBe("CALLER_FORBIDDEN");
    for (const authorization of [`Bearer ${newKey()}`, "Bearer", "Basic eDp5", patwarden.alice.secret, ""]) {
      expect(await check(workload("orders"), authorization), authorization).toBe("CALLER_UNAUTHENTICATED");
    }
  });
});

describe("a port that asks for client certificates", () => {
  it("does not speak with one of another authority, nor without one", async () => {
    const other = createAuthority();
    const foreign = other.issue({ "URI.1": spiffe("orders") }, "client");
    other.remove();
    await expect(send(foreign, sendCheck())).rejects.toThrow();
    await expect(send({} as Identity, sendCheck())).rejects.toThrow();
    for (const { grpc: address } of [server, onGrpcJs]) {
      const ask = (client: ReturnType<typeof grpcPort>) =>
        client.call(AuthorizationService.method.check, question(), { key: null, timeoutMs: 2_000 });
      expect(await overGrpc(foreign, ask, address)).toMatchObject({ ok: false, reason: undefined });
    }
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "knows a certificate again in a session of %s that is taken up again",
    async (maxVersion) => {
      const { cert, key } = workload("orders");
      const options = {
        host: "127.0.0.1",
        port: port(),
        cert,
        key,
        ca: authority.cert,
        servername: "localhost",
        ALPNProtocols: ["http/1.1"],
        maxVersion,
      };
      const first = tls.connect(options);
      const [session] = await once(first, "session");
      first.destroy();
      const again = tls.connect({ ...options, session });
      await once(again, "secureConnect");
      expect(again.isSessionReused()).toBe(true);
      expect(ofAnswer(await send({ cert, key }, sendCheck(), { createConnection: () => again }))).toBe("ALLOWED");
    },
  );
});

describe("a service that is known by its certificate", () => {
  it("acts for a user whose token it passes on, where it may", async () => {
    const settings: CallSettings = {
      key: null,
      headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub: "alice" })}` },
    };
    const create = (name: string) =>
      overGrpc(workload(name), (client) =>
        client.call(TokenService.method.createToken, { name: "by web", grant: { full: true } }, settings),
      );
    expect(await create("web")).toMatchObject({
      ok: true,
      value: { token: { subject: "user:alice", createdBy: "user:alice", createdVia: "service:web" } },
    });
    expect(await create("orders")).toMatchObject({
      ok: false,
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: "tokens.behalf" },
    });
  });

  const form = (parameters: Record<string, string> = {}, headers: Sent["headers"] = {}): Sent => ({
    path: "/oauth2/introspect",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams({ token: patwarden.alice.secret, ...parameters }).toString(),
  });
  const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`gateway:${key}`).toString("base64")}` });

  it.each<[string, string, () => Sent, object]>([
    ["by nothing else", "gateway", () => form(), { active: true }],
    ["and its name", "gateway", () => form({ client_id: "gateway" }), { active: true }],
    ["beside its key", "gateway", () => form({}, basic(gatewayKey)), { active: true }],
    ["of another, beside a key", "orders", () => form({}, basic(gatewayKey)), { active: true }],
    ["and another name", "gateway", () => form({ client_id: "orders" }), { error: "invalid_client" }],
    ["beside a wrong key", "gateway", () => form({}, basic(newKey())), { error: "invalid_client" }],
    [
      "beside an empty key",
      "gateway",
      () => form({ client_id: "gateway", client_secret: "" }),
      { error: "invalid_client" },
    ],
    ["of a service that may not", "orders", () => form(), { error: "unauthorized_client" }],
    ["of nobody", "payments", () => form(), { error: "invalid_client" }],
  ])("calls the OAuth integrations by its certificate %s", async (_, name, sent, answer) => {
    expect(JSON.parse((await send(workload(name), sent())).body)).toMatchObject(answer);
  });

  it("may revoke by it, and the metadata says that certificates are known", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "lost",
      grant: { full: true },
    });
    expect((await send2(workload("gateway"), { ...form({ token: secret }), path: "/oauth2/revoke" })).status).toBe(200);
    const [admin] = patwarden.server.ports;
    const seen = await admin?.call(TokenService.method.getToken, { id: token.id });
    expect(seen?.ok && seen.value.token?.state).toBe(5);
    const metadata = await send(workload("payments"), {
      method: "GET",
      path: "/.well-known/oauth-authorization-server",
    });
    const methods = ["client_secret_basic", "client_secret_post", "tls_client_auth"];
    expect(JSON.parse(metadata.body)).toMatchObject({
      introspection_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_methods_supported: methods,
    });
  });

  it.each<[string, string, Sent["headers"], number]>([
    ["nothing else", "orders", {}, 200],
    ["a key beside it", "payments", { authorization: "key" }, 200],
    ["a wrong key beside it", "orders", { authorization: "Bearer pw_svc_wrong" }, 401],
    ["two keys beside it", "orders", { authorization: ["key", "key"] }, 401],
    ["a name that nobody has", "payments", {}, 401],
    ["a name that may not", "gateway", {}, 403],
  ])("asks AuthZEN by its certificate with %s", async (_, name, headers, status) => {
    const key = `Bearer ${server.keys.checker}`;
    const shown = Object.entries(headers ?? {}).map(([header, value]) => [
      header,
      typeof value === "string" ? value.replace(/^key$/, key) : value.map(() => key),
    ]);
    const body = JSON.stringify({
      subject: { type: "access_token", id: patwarden.alice.secret },
      action: { name: "viewer" },
      resource: { type: "document", id: "roadmap" },
    });
    const sent = { path: "/access/v1/evaluation", headers: { ...json, ...Object.fromEntries(shown) }, body };
    const answer = await send(workload(name), sent);
    expect(answer.status).toBe(status);
    if (status === 200) expect(JSON.parse(answer.body)).toEqual({ decision: true });
  });

  const told = {
    "forward-auth": {
      "x-forwarded-method": "GET",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "app.test",
      "x-forwarded-uri": "/docs/roadmap",
    },
    nginx: { "x-original-method": "GET", "x-original-host": "app.test", "x-original-uri": "/docs/roadmap" },
  };

  it.each(Object.entries(told))("asks /%s by its certificate instead of a key", async (integration, request) => {
    const ask = (name: string, headers: Sent["headers"] = {}) => {
      const bearer = { authorization: `Bearer ${patwarden.alice.secret}` };
      const sent = {
        method: "GET",
        path: integration === "nginx" ? "/nginx-auth" : "/forward-auth",
        headers: { ...request, ...bearer, ...headers },
      };
      return untilDecided(
        () => send(workload(name), sent),
        ({ status }) => status,
      );
    };
    const allowed = await ask("orders");
    expect([allowed.status, allowed.headers["x-patwarden-subject"]]).toEqual([200, "user:alice"]);
    expect((await ask("payments", { "x-patwarden-proxy-key": server.keys.checker })).status).toBe(200);
    // The proxy needs its own credential: the bearer's is not enough.
    for (const name of ["payments", "gateway"]) expect((await ask(name)).status).toBe(500);
    for (const wrong of ["", newKey(), [server.keys.checker, server.keys.checker]])
      expect((await ask("orders", { "x-patwarden-proxy-key": wrong })).status).toBe(500);
  });

  it("asks as Envoy by its certificate", async () => {
    const headers = { authorization: `Bearer ${patwarden.alice.secret}` };
    const request = {
      attributes: { request: { http: { method: "GET", host: "app.test", path: "/docs/roadmap", headers } } },
    };
    const ask = (name: string, settings: CallSettings = {}) =>
      overGrpc(workload(name), (client) =>
        untilDecided(
          () => client.call(Authorization.method.check, request, { key: null, ...settings }),
          (reply) => (reply.ok && reply.value.httpResponse.case === "errorResponse" ? 503 : 200),
        ),
      );
    expect(await ask("orders")).toMatchObject({ ok: true, value: { status: { code: 0 } } });
    expect(await ask("orders", { key: newKey() })).toMatchObject({ ok: false, code: "UNAUTHENTICATED" });
    expect(await ask("payments")).toMatchObject({ ok: false, code: "UNAUTHENTICATED" });
    expect(await ask("payments", { key: server.keys.checker })).toMatchObject({
      ok: true,
      value: { status: { code: 0 } },
    });
    expect(await ask("gateway")).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
  });

  it("takes up other certificates at SIGHUP", async () => {
    const config = parse(readFileSync(server.configFile, "utf8"));
    const reload = (next: object): void => {
      writeFileSync(server.configFile, stringify(next));
      server.child.kill("SIGHUP");
    };
    const over = (name: string) => checks["gRPC"]?.(workload(name));
    const rest = config.callers.filter(({ name }: { readonly name: string }) => name !== "orders");
    reload({
      ...config,
      callers: [...rest, { name: "orders", certificates: [spiffe("new")], permissions: ["check"] }],
    });
    await expect.poll(() => over("new"), { timeout: 20_000 }).toBe("ALLOWED");
    expect(await over("orders")).toBe("CALLER_UNAUTHENTICATED");
    reload(config);
    await expect.poll(() => over("orders"), { timeout: 20_000 }).toBe("ALLOWED");
    expect(await over("new")).toBe("CALLER_UNAUTHENTICATED");
  });

  it("goes on to ask for the same certificates when SIGHUP finds no client_ca: that needs a restart", async () => {
    const config = parse(readFileSync(server.configFile, "utf8"));
    const { client_ca: _, ...rest } = config.grpc.tls;
    writeFileSync(server.configFile, stringify({ ...config, grpc: { ...config.grpc, tls: rest } }));
    server.child.kill("SIGHUP");
    await expect.poll(() => server.log(), { timeout: 20_000 }).toMatch(/"ports":\["grpc"\].*need a restart/);
    expect(await checks["gRPC"]?.(workload("orders"))).toBe("ALLOWED");
    const [host, port] = server.grpc.split(":");
    const stranger = tls.connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    const [refusal] = await once(stranger.resume(), "error");
    expect(String(refusal)).toContain("certificate required");
    writeFileSync(server.configFile, stringify(config));
  });
});
