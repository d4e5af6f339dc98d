import type { DescMethodUnary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevokedToken_Result, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { permissions } from "../../src/callers/caller.js";
import { methods } from "../../src/callers/methods.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey } from "../kit/server.js";

/**
 * A service that is restricted to some subjects learns nothing about all others and can do nothing to them, by any
 * method. Carol and her organization are the subjects of the service; alice, acme and the deployment as a whole are
 * not.
 */

const services = {
  authorization: AuthorizationService,
  tokens: TokenService,
  subjects: SubjectService,
  policies: PolicyService,
  usage: UsageService,
  audit: AuditService,
  self: SelfService,
} as const;

const keys = { listed: newKey(), admin: newKey() };
const api = "https://api.example.com";
let issuer: TestIssuer;
let patwarden: Patwarden;
let foreign: Readonly<Record<"alice's" | "acme's" | "alice's for acme", IssuedToken>>;
let own: IssuedToken;

beforeAll(async () => {
  issuer = await startTestIssuer();
  const subjects = ["user:carol", "organization:carols"];
  patwarden = await startPatwarden({
    callers: [
      {
        name: "listed",
        key_sha256: [hashOf(keys.listed)],
        permissions: permissions.filter((permission) => permission !== "admin"),
        subjects,
      },
      { name: "narrowed-admin", key_sha256: [hashOf(keys.admin)], permissions: ["admin"], subjects },
    ],
    config: {
      issuers: [
        {
          issuer: issuer.url,
          audiences: [issuer.audience],
          subject: "{sub}",
          admin: { claim: "roles", value: "patwarden-admin" },
        },
      ],
      integrations: {
        oauth: { enabled: true, issuer: "https://patwarden.example.com", exchange: { audiences: [api] } },
        authzen: { enabled: true, identifier: "https://patwarden.example.com" },
      },
    },
  });
  await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
    { user: "user:carol", relation: "viewer", object: "document:roadmap" },
  ]);
  const make = (subject: string, more: object = {}) =>
    patwarden.createToken({ subject, name: "n", grant: { full: true }, ...more });
  foreign = {
    "alice's": await make("user:alice"),
    "acme's": await make("organization:acme"),
    "alice's for acme": await make("user:alice", { organization: "organization:acme" }),
  };
  own = await make("user:carol");
});
afterAll(async () => {
  await patwarden.stop();
  await issuer.stop();
});

const anyMethod = (service: keyof typeof services, method: string): DescMethodUnary => {
  const found = services[service].methods.find(({ localName }) => localName === method);
  if (found?.methodKind !== "unary") throw new Error(`${service}.${method} is no unary method`);
  return found as DescMethodUnary;
};

const narrowed: Readonly<Record<string, () => Promise<CallSettings>>> = {
  "a service with all other permissions": async () => ({ key: keys.listed }),
  "a service with admin": async () => ({ key: keys.admin }),
  "an administrator through a service with admin": async () => ({
    key: keys.admin,
    headers: {
      "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub: "root", roles: ["patwarden-admin"] })}`,
    },
  }),
};

type Tried = readonly Readonly<Record<string, unknown>>[];
const ids = (): readonly string[] => Object.values(foreign).map(({ token }) => token.id);
const each = (of: (id: string) => Tried[number]): Tried => ids().map(of);
const subjects = ["user:alice", "organization:acme"];
const scopes = ["user", "organization", "organization:acme"];
const paths = (...names: string[]) => ({ updateMask: { paths: names } });

/** Calls that must be refused. A method of ours that is in no list makes the test fail. */
const refused: Readonly<Record<string, () => Tried>> = {
  "tokens.createToken": () => subjects.map((subject) => ({ subject, name: "n" })),
  "tokens.getToken": () => each((id) => ({ id })),
  "tokens.updateToken": () => each((id) => ({ token: { id, name: "mine" }, ...paths("name") })),
  "tokens.rotateToken": () => each((id) => ({ id })),
  "tokens.revokeToken": () => each((id) => ({ id })),
  "tokens.revokeSecret": () =>
    Object.values(foreign).map(({ token }) => ({ tokenId: token.id, secretId: token.secrets[0]?.id })),
  "tokens.suspendToken": () => each((id) => ({ id })),
  "tokens.resumeToken": () => each((id) => ({ id })),
  "tokens.approveToken": () => each((id) => ({ id, etag: "x" })),
  "tokens.denyToken": () => each((id) => ({ id })),
  "tokens.revokeTokens": () => [
    ...subjects.map((value) => ({ target: { case: "subject", value } })),
    { target: { case: "organization", value: "organization:acme" } },
    { target: { case: "everything", value: true }, validateOnly: true },
    { target: { case: "everything", value: true }, expectedCount: 1 },
    ...subjects.map((subject) => ({ target: { case: "filter", value: { subject } }, expectedCount: 1 })),
    { target: { case: "filter", value: { organization: "organization:acme" } }, expectedCount: 1 },
    { target: { case: "filter", value: {} }, validateOnly: true },
    { target: { case: "filter", value: { createdBy: "service:test" } }, expectedCount: 1 },
  ],
  "subjects.getSubject": () => subjects.map((subject) => ({ subject })),
  "subjects.disableSubject": () => subjects.map((subject) => ({ subject })),
  "subjects.enableSubject": () => subjects.map((subject) => ({ subject })),
  "subjects.deleteSubject": () => subjects.map((subject) => ({ subject })),
  "policies.getPolicy": () => scopes.map((scope) => ({ scope })),
  "policies.updatePolicy": () => scopes.map((scope) => ({ policy: { scope, blockAll: true }, ...paths("block_all") })),
  "policies.deletePolicy": () => scopes.map((scope) => ({ scope })),
  "self.listOrganizations": () => [{ subject: "user:alice" }],
  "self.getCreationLimits": () => [
    ...subjects.map((subject) => ({ subject })),
    { subject: "user:carol", organization: "organization:acme" },
  ],
  "self.listReachable": () => [
    ...subjects.map((value) => ({ of: { case: "subject", value }, type: "document", action: "viewer" })),
    ...each((value) => ({ of: { case: "tokenId", value }, type: "document", action: "viewer" })),
  ],
  "self.explainToken": () => each((tokenId) => ({ tokenId })),
};
/** Calls whose answer must contain no foreign name. */
const silent: Readonly<Record<string, () => Tried>> = {
  "tokens.listTokens": () => [{}, ...subjects.map((subject) => ({ subject })), { organization: "organization:acme" }],
  "tokens.getTokenSummary": () => [
    ...subjects.map((subject) => ({ filter: { subject } })),
    { filter: { organization: "organization:acme" } },
  ],
  "subjects.listSubjects": () => [{}, { prefix: "user:" }, ...subjects.map((prefix) => ({ prefix }))],
  "usage.queryUsage": () => [
    {},
    { groupBy: [1, 2, 3] },
    ...each((tokenId) => ({ tokenId })),
    ...subjects.map((subject) => ({ subject })),
    { organization: "organization:acme" },
  ],
  "audit.listAuditEvents": () => [
    {},
    ...each((tokenId) => ({ tokenId })),
    ...subjects.map((subject) => ({ subject })),
    ...Object.values(foreign).map(({ secret }) => ({ secretSha256: hashOf(secret) })),
  ],
  "self.getCaller": () => [{}],
  "self.getCatalog": () => subjects.map((subject) => ({ subject })),
  "authorization.introspect": () => Object.values(foreign).map(({ secret }) => ({ token: secret })),
};
/** These methods answer for every token that is shown. */
const answered = ["authorization.check", "authorization.batchCheck", "authorization.listResources"];

describe("S22 a service that is narrowed to some subjects", () => {
  it("has a row here for every method", () => {
    const rows = Object.entries(methods).flatMap(([service, rows]) =>
      Object.keys(rows).map((method) => `${service}.${method}`),
    );
    expect([...Object.keys(refused), ...Object.keys(silent), ...answered].sort()).toEqual(rows.sort());
  });

  it("can do all of this to its own subjects, or a refusal would say nothing", async () => {
    const settings = { key: keys.listed };
    const call = (service: keyof typeof services, method: string, request: Tried[number]) =>
      patwarden.port.call(anyMethod(service, method), request, settings);
    for (const [service, method, request] of [
      ["tokens", "createToken", { subject: "user:carol", name: "n" }],
      ["tokens", "getToken", { id: own.token.id }],
      ["tokens", "updateToken", { token: { id: own.token.id, name: "mine" }, ...paths("name") }],
      ["subjects", "getSubject", { subject: "organization:carols" }],
      ["policies", "getPolicy", { scope: "organization:carols" }],
      ["policies", "updatePolicy", { policy: { scope: "organization:carols", blockAll: true }, ...paths("block_all") }],
      ["policies", "deletePolicy", { scope: "organization:carols" }],
      ["tokens", "revokeTokens", { target: { case: "organization", value: "organization:carols" } }],
    ] as const) {
      expect(await call(service, method, request), `${service}.${method}`).toMatchObject({ ok: true });
    }
    expect(await call("authorization", "introspect", { token: own.secret })).toMatchObject({ value: { active: true } });
    expect(await call("audit", "listAuditEvents", { tokenId: own.token.id })).toMatchObject({ ok: true });
  });

  describe.each(Object.keys(narrowed))("%s", (who) => {
    it.each(Object.keys(refused))("%s is refused", async (name) => {
      const [service = "", method = ""] = name.split(".");
      const settings = await narrowed[who]?.();
      for (const request of refused[name]?.() ?? []) {
        const reply = await patwarden.port.call(anyMethod(service as keyof typeof services, method), request, settings);
        const told = `${name} ${JSON.stringify(request)}`;
        expect(reply, told).toMatchObject({ ok: false });
        if (!reply.ok) expect(["CALLER_FORBIDDEN", "NOT_FOUND"], told).toContain(reply.reason);
      }
    });

    it.each(Object.keys(silent))("%s tells nothing", async (name) => {
      const [service = "", method = ""] = name.split(".");
      const settings = await narrowed[who]?.();
      // So that there is something to show.
      const question = { token: foreign["alice's"].secret, resource: "document:roadmap", action: "viewer" };
      expect(await patwarden.port.call(AuthorizationService.method.check, question)).toMatchObject({ ok: true });
      for (const request of silent[name]?.() ?? []) {
        const reply = await patwarden.port.call(anyMethod(service as keyof typeof services, method), request, settings);
        if (!reply.ok) throw new Error(`${name}: ${reply.reason}`);
        const told = JSON.stringify(reply.value, (_key, value) => (typeof value === "bigint" ? String(value) : value));
        for (const word of ["user:alice", "organization:acme", ...ids()]) expect(told, name).not.toContain(word);
        if (method === "getTokenSummary") expect(reply.value).toMatchObject({ total: 0 });
        if (method === "introspect") expect(reply.value).toMatchObject({ active: false });
      }
    });
  });

  it("revokes no foreign token among others, and is told that there is none", async () => {
    const mine = await patwarden.createToken({ subject: "user:carol", name: "n" });
    const value = { ids: [...ids(), mine.token.id] };
    const { revokeTokens, getToken } = TokenService.method;
    const reply = await patwarden.ask(revokeTokens, { target: { case: "ids", value } }, { key: keys.listed });
    expect(reply.count).toBe(1);
    expect(reply.results.map(({ result }) => result)).toEqual([
      ...ids().map(() => RevokedToken_Result.NOT_FOUND),
      RevokedToken_Result.REVOKED,
    ]);
    for (const id of ids()) expect((await patwarden.ask(getToken, { id })).token?.revokeTime).toBeUndefined();
  });

  it("gets no JWT for a foreign token, and no OAuth introspection of it", async () => {
    const ask = async (target: string, parameters: Readonly<Record<string, string>>) => {
      const authorization = `Basic ${Buffer.from(`listed:${keys.listed}`).toString("base64")}`;
      const headers = [
        ["Authorization", authorization],
        ["Content-Type", "application/x-www-form-urlencoded"],
      ] as const;
      const body = new URLSearchParams(parameters).toString();
      const reply = await sendRaw(patwarden.server.http, { method: "POST", target, body, headers });
      return { status: reply.status, body: JSON.parse(reply.body) };
    };
    const exchange = (secret: string) =>
      ask("/oauth2/token", {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: secret,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        audience: api,
      });
    await expect.poll(() => exchange(own.secret), { timeout: 20_000 }).toMatchObject({ status: 200 });
    expect(await ask("/oauth2/introspect", { token: own.secret })).toMatchObject({ body: { active: true } });
    for (const { secret } of Object.values(foreign)) {
      expect(await exchange(secret)).toMatchObject({ status: 400, body: { error: "invalid_request" } });
      expect(await ask("/oauth2/introspect", { token: secret })).toMatchObject({ body: { active: false } });
    }
  });

  it("asks about no foreign subject over AuthZEN", async () => {
    const decided = async (type: string, id: string, key = keys.listed) => {
      const response = await fetch(`${patwarden.server.http}/access/v1/evaluation`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({
          subject: { type, id },
          action: { name: "viewer" },
          resource: { type: "document", id: "roadmap" },
        }),
      });
      return response.json();
    };
    expect(await decided("user", "carol")).toEqual({ decision: true });
    expect(await decided("user", "alice", patwarden.server.keys.admin)).toEqual({ decision: true });
    expect(await decided("user", "alice")).toEqual({ decision: false });
  });
});
