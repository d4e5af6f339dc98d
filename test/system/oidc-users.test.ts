import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { DescMessage, DescMethodServerStreaming, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { Operation, RevokedToken_Result, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { exceptUse, grid, type IssuedToken, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/**
 * The authorization matrix: every method, every kind of caller, and own, foreign, organization's, bound and missing
 * objects. By examples/direct, bob administers acme, alice is a member of it, and carol has no relation to it.
 */

const keys = { maker: newKey(), behalf: newKey(), narrowed: newKey(), idle: newKey() };
let issuer: TestIssuer;
/** Trusted for one client and one scope only. */
let strictIssuer: TestIssuer;
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  issuer = await startTestIssuer();
  strictIssuer = await startTestIssuer();
  const settings = {
    config: {
      // These people make a thousand calls a minute.
      limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
      issuers: [
        {
          issuer: issuer.url,
          audiences: [issuer.audience],
          subject: "{sub}",
          admin: { claim: "roles", value: "patwarden-admin" },
          shared_subjects: true,
        },
        {
          issuer: strictIssuer.url,
          audiences: [strictIssuer.audience],
          subject: "strict|{sub}",
          required_scopes: ["tokens"],
          clients: ["console"],
          shared_subjects: true,
        },
      ],
    },
    callers: [
      { name: "maker", key_sha256: [hashOf(keys.maker)], permissions: ["tokens.impersonate"] },
      { name: "backend", key_sha256: [hashOf(keys.behalf)], permissions: ["tokens.behalf"] },
      {
        name: "shop",
        key_sha256: [hashOf(keys.narrowed)],
        permissions: ["tokens.behalf"],
        max_lifetime: "1d",
        max_grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
      },
      { name: "idle", key_sha256: [hashOf(keys.idle)], permissions: ["check"] },
    ],
  };
  engines = await startOnEngines(settings);
});
afterAll(async () => {
  await engines.stop();
  await Promise.all([issuer.stop(), strictIssuer.stop()]);
});

const callers = [
  "alice",
  "bob",
  "carol",
  "root",
  "behalf of alice",
  "service",
  "service without",
  "token",
  "nobody",
] as const;
type CallerName = (typeof callers)[number];
const objects = ["alice's", "acme's", "alice's for acme", "missing"] as const;
type ObjectName = (typeof objects)[number];
type Right = "read" | "create" | "approve" | "revoke";
type Expected = "ok" | "CALLER_FORBIDDEN" | "NOT_FOUND" | "CALLER_UNAUTHENTICATED";

const all: readonly Right[] = ["read", "create", "approve", "revoke"];
/** The rights of each caller on each object; a caller that is not listed has none. */
const rights: Readonly<Partial<Record<CallerName, Partial<Record<ObjectName, readonly Right[]>>>>> = {
  alice: { "alice's": ["read", "create", "revoke"], "alice's for acme": ["read", "create", "revoke"] },
  "behalf of alice": { "alice's": ["read", "create", "revoke"], "alice's for acme": ["read", "create", "revoke"] },
  // An administrator sees and ends tokens that are bound to the organization, and never issues one for a member.
  bob: { "acme's": all, "alice's for acme": ["read", "approve", "revoke"] },
  root: { "alice's": all, "acme's": all, "alice's for acme": all },
  service: { "alice's": all, "acme's": all, "alice's for acme": all },
};

type Methods = typeof TokenService.method;
type OnObject = Exclude<keyof Methods, "createToken" | "listTokens" | "getTokenSummary" | "revokeTokens">;
/** For each method on one token: the right that it needs, and the request. */
const onObject: Readonly<Record<OnObject, { readonly right: Right; readonly request: (id: string) => object }>> = {
  getToken: { right: "read", request: (id) => ({ id }) },
  updateToken: { right: "create", request: (id) => ({ token: { id, name: "n" }, updateMask: { paths: ["name"] } }) },
  rotateToken: { right: "create", request: (id) => ({ id }) },
  revokeToken: { right: "revoke", request: (id) => ({ id }) },
  revokeSecret: { right: "revoke", request: (id) => ({ tokenId: id, secretId: "sec_01h455vb4pex5vsknk084sn02q" }) },
  suspendToken: { right: "revoke", request: (id) => ({ id }) },
  resumeToken: { right: "revoke", request: (id) => ({ id }) },
  approveToken: { right: "approve", request: (id) => ({ id, etag: "x" }) },
  denyToken: { right: "approve", request: (id) => ({ id }) },
};

/** The methods that a Patwarden token may call about itself; everything else is refused. */
const ownToken: ReadonlySet<string> = new Set(["revokeToken", "rotateToken"]);

function expectedOn(caller: CallerName, object: ObjectName, method: OnObject): Expected {
  if (caller === "nobody") return "CALLER_UNAUTHENTICATED";
  if (caller === "service without") return "CALLER_FORBIDDEN";
  if (caller === "token") return ownToken.has(method) ? "NOT_FOUND" : "CALLER_FORBIDDEN";
  const held = rights[caller]?.[object] ?? [];
  if (held.includes(onObject[method].right)) return "ok";
  return held.includes("read") ? "CALLER_FORBIDDEN" : "NOT_FOUND";
}

const cases = objects.flatMap((object) =>
  callers.flatMap((caller) => (Object.keys(onObject) as OnObject[]).map((method) => ({ object, caller, method }))),
);

async function settingsOf(caller: CallerName, patwarden: Patwarden): Promise<CallSettings> {
  const access = async (sub: string, claims: object = {}) => ({ key: await issuer.sign({ sub, ...claims }) });
  switch (caller) {
    case "alice":
    case "bob":
    case "carol":
      return access(caller);
    case "root":
      return access("root", { roles: ["patwarden-admin"] });
    case "behalf of alice":
      return {
        key: keys.behalf,
        headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub: "alice" })}` },
      };
    case "service":
      return {};
    case "service without":
      return { key: keys.idle };
    case "token":
      return { key: patwarden.alice.secret };
    case "nobody":
      return { key: null };
  }
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const rulesOf = (...actions: string[]) => ({ rules: [{ actions, resources: ["document:*"] }] });

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });

  const outcome = async (method: unknown, request: object, caller: CallerName): Promise<string | undefined> => {
    // Only the outcome is checked.
    const desc = method as
      | DescMethodUnary<DescMessage, DescMessage>
      | DescMethodServerStreaming<DescMessage, DescMessage>;
    const init = request as MessageInitShape<DescMessage>;
    const settings = await settingsOf(caller, patwarden);
    const reply =
      desc.methodKind === "unary"
        ? await patwarden.port.call(desc, init, settings)
        : await patwarden.port.list(desc, init, settings);
    return reply.ok ? "ok" : reply.reason;
  };
  const make = async (object: ObjectName): Promise<string> => {
    if (object === "missing") return "tok_01h455vb4pex5vsknk084sn02q";
    const reply = await patwarden.port.call(
      TokenService.method.createToken,
      {
        subject: object === "acme's" ? "organization:acme" : "user:alice",
        organization: object === "alice's for acme" ? "organization:acme" : "",
        name: "n",
        grant: { full: true },
      },
      { key: keys.maker },
    );
    if (!reply.ok || !reply.value.token) throw new Error(`no token: ${JSON.stringify(reply)}`);
    return reply.value.token.id;
  };

  it("has a row for every method on a token", () => {
    const rows = [...Object.keys(onObject), "createToken", "getTokenSummary", "listTokens", "revokeTokens"];
    expect(rows.sort()).toEqual(Object.keys(TokenService.method).sort());
  });

  it.each(cases)("$method of $object token by $caller", async ({ object, caller, method }) => {
    const id = await make(object);
    const got = await outcome(TokenService.method[method], onObject[method].request(id), caller);
    const expected = expectedOn(caller, object, method);
    const refusals: readonly (string | undefined)[] = ["CALLER_FORBIDDEN", "NOT_FOUND", "CALLER_UNAUTHENTICATED"];
    if (expected !== "ok") expect(got).toBe(expected);
    // RevokeSecret finds no such secret; only a caller that may see the token gets this answer.
    else if (method === "revokeSecret") expect(got).toBe("NOT_FOUND");
    else expect(refusals).not.toContain(got);
  });

  const create = (subject: string, organization = "") => ({ subject, organization, name: "n", grant: { full: true } });
  it.each<[CallerName, object, string]>([
    ["alice", create(""), "ok"],
    ["alice", create("user:alice"), "ok"],
    ["alice", create("user:alice", "organization:acme"), "ok"],
    ["alice", create("user:bob"), "CALLER_FORBIDDEN"],
    ["alice", create("organization:acme"), "CALLER_FORBIDDEN"],
    ["alice", { ...create("user:alice"), claims: { plan: "gold" } }, "CALLER_FORBIDDEN"],
    ["bob", create("organization:acme"), "ok"],
    // OW-10: never for a member.
    ["bob", create("user:alice", "organization:acme"), "CALLER_FORBIDDEN"],
    ["bob", create("organization:other"), "CALLER_FORBIDDEN"],
    ["carol", create("user:carol", "organization:acme"), "SUBJECT_STATE"],
    ["behalf of alice", create(""), "ok"],
    ["behalf of alice", create("user:bob"), "CALLER_FORBIDDEN"],
    ["behalf of alice", { ...create(""), claims: { plan: "gold" } }, "CALLER_FORBIDDEN"],
    ["root", create("user:bob"), "ok"],
    ["token", create("user:alice"), "CALLER_FORBIDDEN"],
    ["nobody", create("user:alice"), "CALLER_UNAUTHENTICATED"],
    ["service", create(""), "INVALID_FIELD"],
    ["service without", create("user:alice"), "CALLER_FORBIDDEN"],
  ])("createToken by %s: %j", async (caller, request, expected) => {
    expect(await outcome(TokenService.method.createToken, request, caller)).toBe(expected);
  });

  it.each<[CallerName, object, string]>([
    ["alice", {}, "ok"],
    ["alice", { subject: "user:bob" }, "NOT_FOUND"],
    ["alice", { organization: "organization:acme" }, "NOT_FOUND"],
    ["alice", { subject: "organization:acme" }, "NOT_FOUND"],
    ["bob", { organization: "organization:acme" }, "ok"],
    ["bob", { subject: "organization:acme" }, "ok"],
    // Alice's own tokens for acme: no right of acme is needed.
    ["alice", { subject: "user:alice", organization: "organization:acme" }, "ok"],
    ["carol", { subject: "user:alice", organization: "organization:acme" }, "NOT_FOUND"],
    ["bob", { subject: "user:alice", organization: "organization:acme" }, "ok"],
    ["bob", { organization: "organization:other" }, "NOT_FOUND"],
    ["root", { subject: "user:bob" }, "ok"],
    ["token", {}, "CALLER_FORBIDDEN"],
    ["nobody", {}, "CALLER_UNAUTHENTICATED"],
  ])("listTokens and getTokenSummary by %s: %j", async (caller, request, expected) => {
    expect(await outcome(TokenService.method.listTokens, request, caller)).toBe(expected);
    expect(await outcome(TokenService.method.getTokenSummary, { filter: request }, caller)).toBe(expected);
  });

  const everything = { target: { case: "everything", value: true }, validateOnly: true };
  const ofSubject = (value: string) => ({ target: { case: "subject", value }, validateOnly: true });
  const ofOrganization = (value: string) => ({ target: { case: "organization", value }, validateOnly: true });
  const ofFilter = (value: object) => ({ target: { case: "filter", value }, validateOnly: true });
  const ofIds = (...ids: string[]) => ({ target: { case: "ids", value: { ids } }, validateOnly: true });
  it.each<[CallerName, object, string]>([
    ["alice", ofFilter({ subject: "user:alice" }), "ok"],
    ["alice", ofFilter({ subject: "user:alice", organization: "organization:acme" }), "ok"],
    ["alice", ofFilter({ subject: "user:bob" }), "CALLER_FORBIDDEN"],
    ["alice", ofFilter({ organization: "organization:acme" }), "CALLER_FORBIDDEN"],
    ["alice", ofFilter({ subject: "organization:acme" }), "CALLER_FORBIDDEN"],
    ["alice", ofFilter({ query: "n" }), "CALLER_FORBIDDEN"],
    ["alice", ofFilter({}), "CALLER_FORBIDDEN"],
    ["behalf of alice", ofFilter({ subject: "user:alice" }), "ok"],
    ["bob", ofFilter({ organization: "organization:acme" }), "ok"],
    ["bob", ofFilter({ subject: "organization:acme" }), "ok"],
    ["bob", ofFilter({ subject: "user:alice", organization: "organization:acme" }), "ok"],
    ["bob", ofFilter({ subject: "user:alice" }), "CALLER_FORBIDDEN"],
    ["bob", ofFilter({ organization: "organization:other" }), "CALLER_FORBIDDEN"],
    ["carol", ofFilter({ subject: "user:alice", organization: "organization:acme" }), "CALLER_FORBIDDEN"],
    ["root", ofFilter({}), "ok"],
    ["service", ofFilter({ createdBy: "user:alice" }), "ok"],
    ["service without", ofFilter({ subject: "user:alice" }), "CALLER_FORBIDDEN"],
    ["token", ofFilter({ subject: "user:alice" }), "CALLER_FORBIDDEN"],
    ["nobody", ofFilter({ subject: "user:alice" }), "CALLER_UNAUTHENTICATED"],
    ["carol", ofIds("tok_01h455vb4pex5vsknk084sn02q"), "ok"],
    ["service without", ofIds("tok_01h455vb4pex5vsknk084sn02q"), "CALLER_FORBIDDEN"],
    ["token", ofIds("tok_01h455vb4pex5vsknk084sn02q"), "CALLER_FORBIDDEN"],
    ["nobody", ofIds("tok_01h455vb4pex5vsknk084sn02q"), "CALLER_UNAUTHENTICATED"],
    ["alice", ofSubject("user:alice"), "ok"],
    ["alice", ofSubject("user:bob"), "CALLER_FORBIDDEN"],
    ["alice", ofOrganization("organization:acme"), "CALLER_FORBIDDEN"],
    ["alice", everything, "CALLER_FORBIDDEN"],
    ["bob", ofOrganization("organization:acme"), "ok"],
    ["bob", ofSubject("organization:acme"), "ok"],
    ["bob", everything, "CALLER_FORBIDDEN"],
    ["root", everything, "ok"],
    ["service", everything, "ok"],
    ["token", ofSubject("user:alice"), "CALLER_FORBIDDEN"],
    ["nobody", everything, "CALLER_UNAUTHENTICATED"],
  ])("revokeTokens by %s: %j", async (caller, request, expected) => {
    expect(await outcome(TokenService.method.revokeTokens, request, caller)).toBe(expected);
  });

  const onOwn = ["UPDATE", "ROTATE", "REVOKE", "SUSPEND"] as const;
  it.each<[CallerName, Partial<Record<ObjectName, readonly (keyof typeof Operation)[]>>]>([
    ["alice", { "alice's": onOwn, "alice's for acme": onOwn }],
    ["behalf of alice", { "alice's": onOwn, "alice's for acme": onOwn }],
    ["bob", { "acme's": onOwn, "alice's for acme": ["REVOKE", "SUSPEND"] }],
    ["root", { "alice's": onOwn, "acme's": onOwn, "alice's for acme": onOwn }],
    ["service", { "alice's": onOwn, "acme's": onOwn, "alice's for acme": onOwn }],
  ])("TL-4 Token.permitted for %s, in lists and alone", async (caller, expected) => {
    const settings = await settingsOf(caller, patwarden);
    for (const [object, operations] of Object.entries(expected)) {
      const id = await make(object as ObjectName);
      const permitted = operations.map((name) => Operation[name]);
      const { token } = await patwarden.ask(TokenService.method.getToken, { id }, settings);
      expect(token?.permitted).toEqual(permitted);
      const whose = object === "alice's" ? { subject: "user:alice" } : { organization: "organization:acme" };
      const own = whose.organization && caller.includes("alice") ? { subject: "user:alice" } : {};
      const { tokens } = await patwarden.ask(TokenService.method.listTokens, { ...whose, ...own, query: id }, settings);
      expect(tokens.map((each) => each.permitted)).toEqual([permitted]);
      const stopped = await patwarden.ask(TokenService.method.suspendToken, { id }, settings);
      expect(stopped.token?.permitted).toEqual(
        operations.map((name) => (name === "SUSPEND" ? Operation.RESUME : Operation[name])),
      );
      const ended = await patwarden.ask(TokenService.method.revokeToken, { id }, settings);
      expect(ended.token?.permitted).toEqual([]);
    }
  });

  it.each<[CallerName, readonly (keyof typeof RevokedToken_Result)[]]>([
    ["alice", ["REVOKED", "NOT_FOUND", "REVOKED", "NOT_FOUND"]],
    ["bob", ["NOT_FOUND", "REVOKED", "REVOKED", "NOT_FOUND"]],
    ["carol", ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"]],
    ["root", ["REVOKED", "REVOKED", "REVOKED", "NOT_FOUND"]],
    ["service", ["REVOKED", "REVOKED", "REVOKED", "NOT_FOUND"]],
  ])("TL-6 revokeTokens of several ids by %s: one by one what the caller may", async (caller, expected) => {
    const ids = await Promise.all(objects.map(make));
    const request = { target: { case: "ids" as const, value: { ids } } };
    const ask = async (more: object = {}) =>
      patwarden.ask(TokenService.method.revokeTokens, { ...request, ...more }, await settingsOf(caller, patwarden));
    const results = expected.map((name) => RevokedToken_Result[name]);
    const count = expected.filter((name) => name === "REVOKED").length;
    for (const more of [{ validateOnly: true }, {}]) {
      const reply = await ask(more);
      expect(reply).toMatchObject({ count, results: ids.map((id, index) => ({ id, result: results[index] })) });
    }
    const before = expected.map((name) => RevokedToken_Result[name === "REVOKED" ? "REVOKED_BEFORE" : name]);
    expect(await ask()).toMatchObject({ count: 0, results: before.map((result) => ({ result })) });
    for (const [index, id] of ids.slice(0, 3).entries()) {
      const { token } = await patwarden.ask(TokenService.method.getToken, { id });
      expect(token?.revokeTime !== undefined, id).toBe(expected[index] === "REVOKED");
    }
  });

  const question = { token: "x", resource: "document:1", action: "viewer" };
  const policyOf = (scope: string) => ({
    policy: { scope, forbidFull: false },
    updateMask: { paths: ["forbid_full"] },
    validateOnly: true,
  });
  const everybody = { alice: "ok", bob: "ok", carol: "ok", "behalf of alice": "ok" };
  const invalid = {
    ...{ alice: "INVALID_FIELD", bob: "INVALID_FIELD", carol: "INVALID_FIELD" },
    "behalf of alice": "INVALID_FIELD",
  };
  const strangers = { alice: "NOT_FOUND", carol: "NOT_FOUND", "behalf of alice": "NOT_FOUND" };
  const others: readonly [unknown, object, Partial<Record<CallerName, string>>][] = [
    [AuthorizationService.method.check, question, { root: "ok", service: "ok", "service without": "ok" }],
    [
      AuthorizationService.method.batchCheck,
      { items: [question] },
      { root: "ok", service: "ok", "service without": "ok" },
    ],
    [
      AuthorizationService.method.listResources,
      { token: "x", type: "document", action: "viewer" },
      { root: "ok", service: "ok", "service without": "ok" },
    ],
    [AuthorizationService.method.introspect, { token: "x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.getSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.listSubjects, { prefix: "user:" }, { root: "ok", service: "ok" }],
    [SubjectService.method.disableSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.enableSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.deleteSubject, { subject: "user:gone" }, { root: "ok", service: "ok" }],
    [PolicyService.method.getPolicy, { scope: "user" }, { root: "ok", service: "ok" }],
    [PolicyService.method.getPolicy, { scope: "organization:acme" }, { root: "ok", service: "ok", bob: "ok" }],
    [PolicyService.method.updatePolicy, policyOf("user"), { root: "ok", service: "ok" }],
    [PolicyService.method.updatePolicy, policyOf("organization:acme"), { root: "ok", service: "ok", bob: "ok" }],
    [PolicyService.method.deletePolicy, { scope: "organization:acme" }, { root: "ok", service: "ok", bob: "ok" }],
    [UsageService.method.queryUsage, {}, { ...everybody, root: "ok", service: "ok" }],
    [
      UsageService.method.queryUsage,
      { subject: "user:alice" },
      { alice: "ok", bob: "NOT_FOUND", carol: "NOT_FOUND", root: "ok", "behalf of alice": "ok", service: "ok" },
    ],
    [
      UsageService.method.queryUsage,
      { organization: "organization:acme" },
      { ...strangers, bob: "ok", root: "ok", service: "ok" },
    ],
    [AuditService.method.listAuditEvents, {}, { ...invalid, root: "ok", service: "ok" }],
    [
      AuditService.method.listAuditEvents,
      { organization: "organization:acme" },
      { ...strangers, bob: "ok", root: "ok", service: "ok" },
    ],
    [
      AuditService.method.listAuditEvents,
      { organization: "organization:acme", secretSha256: hashOf("x") },
      { root: "ok", service: "ok" },
    ],
  ];
  it.each(
    others.flatMap(([method, request, allowed]) =>
      callers.map((caller) => ({
        method,
        request,
        caller,
        name: (method as { name: string }).name,
        expected: allowed[caller],
      })),
    ),
  )("$name by $caller: $request", async ({ method, request, caller, expected }) => {
    const fallback = caller === "nobody" ? "CALLER_UNAUTHENTICATED" : "CALLER_FORBIDDEN";
    expect(await outcome(method, request, caller)).toBe(expected ?? fallback);
  });

  it("a user sees only their own tokens, no matter who made them", async () => {
    const sub = `user-${randomUUID()}`;
    const user = { key: await issuer.sign({ sub }) };
    const made = await patwarden.port.call(
      TokenService.method.createToken,
      { name: "mine", grant: { full: true } },
      user,
    );
    expect(made).toMatchObject({
      ok: true,
      value: { token: { subject: `user:${sub}`, createdBy: `user:${sub}`, createdVia: "" } },
    });
    const passedOn = {
      key: keys.behalf,
      headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub })}` },
    };
    const through = await patwarden.port.call(
      TokenService.method.createToken,
      { name: "by shop", grant: { full: true } },
      passedOn,
    );
    expect(through).toMatchObject({
      ok: true,
      value: { token: { createdBy: `user:${sub}`, createdVia: "service:backend" } },
    });
    const listed = await patwarden.port.call(TokenService.method.listTokens, {}, user);
    expect(listed.ok && listed.value.tokens.map(({ name: one }) => one)).toEqual(["by shop", "mine"]);
  });

  it("S31 an administrator of the deployment is an ordinary user through a service that is not an administrator", async () => {
    const sub = `root-${randomUUID()}`;
    const key = await issuer.sign({ sub, roles: ["patwarden-admin"] });
    const through = (service: string) => ({
      key: service,
      headers: { "patwarden-user-authorization": `Bearer ${key}` },
    });
    const tried = async (settings: CallSettings) => {
      const foreign = await patwarden.port.call(
        TokenService.method.getToken,
        { id: patwarden.alice.token.id },
        settings,
      );
      const subject = await patwarden.port.call(SubjectService.method.getSubject, { subject: "user:alice" }, settings);
      const policy = await patwarden.port.call(PolicyService.method.getPolicy, { scope: "user" }, settings);
      const mine = await patwarden.port.call(TokenService.method.createToken, { name: "n" }, settings);
      return [foreign, subject, policy, mine].map((reply) => (reply.ok ? "ok" : reply.reason));
    };
    expect(await tried({ key })).toEqual(["ok", "ok", "ok", "ok"]);
    expect(await tried(through(patwarden.server.keys.admin))).toEqual(["ok", "ok", "ok", "ok"]);
    expect(await tried(through(keys.behalf))).toEqual(["NOT_FOUND", "CALLER_FORBIDDEN", "CALLER_FORBIDDEN", "ok"]);
  });

  it("S8 a request is not repeated through another service, which would be shown the secret", async () => {
    const key = await issuer.sign({ sub: `user-${randomUUID()}` });
    const request = { name: "n", requestId: randomUUID() };
    expect(await patwarden.port.call(TokenService.method.createToken, request, { key })).toMatchObject({ ok: true });
    const through = { key: keys.behalf, headers: { "patwarden-user-authorization": `Bearer ${key}` } };
    expect(await patwarden.port.call(TokenService.method.createToken, request, through)).toMatchObject({
      reason: "REQUEST_ID_REUSED",
    });
  });

  /** Makes an organization with an administrator and members, who sign in. All of them may view document:roadmap. */
  const organizationOf = async (...members: readonly string[]) => {
    const organization = `organization:${randomUUID()}`;
    const person = async (role: string, relation: "admin" | "member") => {
      const sub = `${role}-${randomUUID()}`;
      const subject = `user:${sub}`;
      const tuple = { user: subject, relation, object: organization };
      await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
        tuple,
        { user: subject, relation: "viewer", object: "document:roadmap" },
      ]);
      return {
        subject,
        settings: { key: await issuer.sign({ sub }) },
        leave: () => patwarden.openfga.admin.deleteTuples(patwarden.openfga.storeId, [tuple]),
      };
    };
    const viewing = { user: organization, relation: "viewer", object: "document:roadmap" };
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [viewing]);
    return {
      organization,
      admin: await person("admin", "admin"),
      members: await Promise.all(members.map((role) => person(role, "member"))),
    };
  };
  const ask: Patwarden["ask"] = (...asked) => patwarden.ask(...asked);
  const issue = (request: object, settings: CallSettings) =>
    patwarden.createToken({ subject: "", ...request }, settings);

  it("OW-4 an organization's token still works when the administrator who made it has left and is deleted", async () => {
    const { organization, admin } = await organizationOf();
    const shop = await issue({ subject: organization }, admin.settings);
    const own = await issue({}, admin.settings);
    expect(shop.token).toMatchObject({ subject: organization, createdBy: admin.subject });
    expect([await patwarden.check(shop.secret), await patwarden.check(own.secret)]).toEqual([
      Reason.ALLOWED,
      Reason.ALLOWED,
    ]);
    await admin.leave();
    expect(await patwarden.check(shop.secret)).toBe(Reason.ALLOWED);
    const { getToken, rotateToken } = TokenService.method;
    for (const method of [getToken, rotateToken] as const) {
      const reply = await patwarden.port.call(method as typeof getToken, { id: shop.token.id }, admin.settings);
      expect(reply).toMatchObject({ ok: false, reason: "NOT_FOUND" });
    }
    await ask(SubjectService.method.deleteSubject, { subject: admin.subject });
    expect([await patwarden.check(shop.secret), await patwarden.check(own.secret)]).toEqual([
      Reason.ALLOWED,
      Reason.TOKEN_REVOKED,
    ]);
    expect(exceptUse((await ask(getToken, { id: shop.token.id })).token)).toEqual(shop.token);
  });

  it("OW-9 an administrator sees which tokens would stop before a member is removed, and just these stop", async () => {
    const { organization, admin, members } = await organizationOf("leaver", "stayer");
    const [leaver, stayer] = members;
    if (!leaver || !stayer) throw new Error("two members");
    const affected = [
      await issue({ organization }, leaver.settings),
      await issue({ organization }, leaver.settings),
    ].reverse();
    const others = [
      await issue({}, leaver.settings),
      await issue({ organization }, stayer.settings),
      await issue({ subject: organization }, admin.settings),
    ];
    const { listTokens } = TokenService.method;
    const asked = { organization, subject: leaver.subject };
    const listed = await ask(listTokens, asked, admin.settings);
    // The holder may do more with them than the administrator.
    const { permitted } = listed.tokens[0] ?? {};
    expect(permitted).toEqual([Operation.REVOKE, Operation.SUSPEND]);
    expect(listed.tokens).toEqual(affected.map(({ token }) => ({ ...token, permitted })));
    expect(await patwarden.port.call(listTokens, asked, stayer.settings)).toMatchObject({
      ok: false,
      reason: "NOT_FOUND",
    });
    const reasons = (issued: readonly IssuedToken[]) =>
      Promise.all(issued.map(({ secret }) => patwarden.check(secret)));
    expect(await reasons(affected)).toEqual(affected.map(() => Reason.ALLOWED));
    await leaver.leave();
    expect(await reasons(affected)).toEqual(affected.map(() => Reason.NOT_A_MEMBER));
    expect(await reasons(others)).toEqual(others.map(() => Reason.ALLOWED));
    // The tokens that would stop with the user.
    expect((await ask(SubjectService.method.getSubject, { subject: leaver.subject })).subject?.liveTokens).toBe(3);
  });

  it("LI-4 an administrator lists and ends the tokens of members, and sees and makes no secret of theirs", async () => {
    const { organization, admin, members } = await organizationOf("member");
    const [member] = members;
    if (!member) throw new Error("a member");
    const first = await issue({ organization }, member.settings);
    const second = await issue({ organization }, member.settings);
    const { listTokens, getToken, revokeToken, revokeTokens } = TokenService.method;
    const listed = await ask(listTokens, { organization }, admin.settings);
    expect(listed.tokens.map(({ id }) => id)).toEqual([second.token.id, first.token.id]);
    const got = await ask(getToken, { id: first.token.id }, admin.settings);
    for (const { secret } of [first, second]) {
      expect(inspect([listed, got], { depth: null })).not.toContain(secret.slice(7, -6));
    }
    for (const [method, request] of [
      [TokenService.method.rotateToken, { id: first.token.id }],
      [TokenService.method.createToken, { subject: member.subject, organization, name: "n" }],
    ] as const) {
      const call = method as unknown as DescMethodUnary<DescMessage, DescMessage>; // only the outcome is looked at
      const reply = await patwarden.port.call(call, request as MessageInitShape<DescMessage>, admin.settings);
      expect(reply).toMatchObject({ ok: false, reason: "CALLER_FORBIDDEN" });
    }
    const { token } = await ask(revokeToken, { id: first.token.id }, admin.settings);
    expect(token).toMatchObject({ state: Token_State.REVOKED });
    expect([await patwarden.check(first.secret), await patwarden.check(second.secret)]).toEqual([
      Reason.TOKEN_REVOKED,
      Reason.ALLOWED,
    ]);
    const target = { case: "organization", value: organization } as const;
    expect(await ask(revokeTokens, { target }, admin.settings)).toMatchObject({ count: 1 });
    expect(await patwarden.check(second.secret)).toBe(Reason.TOKEN_REVOKED);
  });

  it("LI-1 LI-2 SC-15 a stranger's call is answered as if the token were not there, whatever it asks", async () => {
    const { organization, admin, members } = await organizationOf("member");
    const [member] = members;
    if (!member) throw new Error("a member");
    const organizations = (await issue({ subject: organization }, admin.settings)).token;
    const bound = (await issue({ organization }, member.settings)).token;
    const unbound = (await issue({}, member.settings)).token;
    const other = await organizationOf();
    const strangers = [
      // Any signed-in user, an administrator of another organization, a member who is not an administrator, an
      // administrator of the wrong owner.
      [await settingsOf("carol", patwarden), organizations],
      [other.admin.settings, organizations],
      [other.admin.settings, bound],
      [member.settings, organizations],
      [admin.settings, unbound],
    ] as const;
    for (const [settings, { id }] of strangers) {
      for (const name of Object.keys(onObject) as OnObject[]) {
        const answerTo = (asked: string) => {
          const call = TokenService.method[name] as unknown as DescMethodUnary<DescMessage, DescMessage>;
          return patwarden.port.call(call, onObject[name].request(asked) as MessageInitShape<DescMessage>, settings);
        };
        const missing = await answerTo(await make("missing"));
        expect(missing).toMatchObject({ ok: false, code: "NOT_FOUND", reason: "NOT_FOUND" });
        expect(await answerTo(id), name).toEqual(missing);
      }
    }
    const { listTokens } = TokenService.method;
    const carol = await settingsOf("carol", patwarden);
    for (const query of [{ organization }, { subject: organization }]) {
      const none = `organization:${randomUUID()}`;
      const missing = await patwarden.port.call(
        listTokens,
        "subject" in query ? { subject: none } : { organization: none },
        carol,
      );
      expect(missing).toMatchObject({ ok: false, reason: "NOT_FOUND" });
      expect(await patwarden.port.call(listTokens, query, carol)).toEqual(missing);
    }
    expect((await ask(TokenService.method.getToken, { id: organizations.id })).token).toEqual(organizations);
  });

  it("SC-1 a create call without an identity makes nothing, no matter who it names", async () => {
    const before = await patwarden.countTokens();
    const unsigned = `${encoded({ alg: "none", typ: "at+jwt" })}.${encoded({ iss: issuer.url, sub: "alice" })}.`;
    const alice = await issuer.sign({ sub: "alice" });
    for (const settings of [
      { key: null },
      { key: null, headers: { authorization: "Bearer" } },
      { key: "alice" },
      { key: "user:alice" },
      { key: unsigned },
      { key: null, headers: { "x-user-id": "alice", cookie: "session=alice", "x-api-key": alice } },
      // A user's own token proves nothing without the service that passes it on.
      { key: null, headers: { "patwarden-user-authorization": `Bearer ${alice}` } },
    ]) {
      for (const subject of ["user:alice", "organization:acme", ""]) {
        const request = { subject, name: "n", grant: { full: true }, claims: { role: "admin" } };
        expect(await patwarden.port.call(TokenService.method.createToken, request, settings)).toMatchObject({
          ok: false,
          code: "UNAUTHENTICATED",
          reason: "CALLER_UNAUTHENTICATED",
        });
      }
    }
    expect(await patwarden.countTokens()).toBe(before);
  });

  it("SC-11 minting takes a person's access token that is fresh, for us and of the right kind, or an explicit right", async () => {
    const { createToken } = TokenService.method;
    const now = Math.floor(Date.now() / 1000);
    const sub = `user-${randomUUID()}`;
    const person = { sub, client_id: "console", scope: "openid tokens" };
    const before = await patwarden.countTokens();
    for (const key of [
      await issuer.sign({ sub: "shop", client_id: "shop" }),
      await issuer.sign({ sub, gty: "client-credentials" }),
      await issuer.sign({ sub, iat: now - 7200, exp: now - 3600 }),
      await issuer.sign({ sub, exp: now + 86_400 * 365 }),
      await issuer.sign({ sub, aud: "https://api.example.com" }),
      await issuer.sign({ sub, nonce: "of an ID token" }),
      await issuer.sign({ sub }, { typ: "JWT" }),
      await strictIssuer.sign({ ...person, scope: "openid" }),
      await strictIssuer.sign({ ...person, client_id: "shop" }),
      await strictIssuer.sign({ ...person, sub: "console" }),
    ]) {
      expect(await patwarden.port.call(createToken, { name: "n", grant: { full: true } }, { key })).toMatchObject({
        ok: false,
        reason: "CALLER_UNAUTHENTICATED",
      });
    }
    for (const [key, permission] of [
      [keys.idle, "tokens.impersonate"],
      [keys.behalf, "tokens.impersonate"],
      [patwarden.alice.secret, "tokens.impersonate"],
    ] as const) {
      expect(await patwarden.port.call(createToken, { subject: "user:alice", name: "n" }, { key })).toMatchObject({
        ok: false,
        reason: "CALLER_FORBIDDEN",
        metadata: { permission },
      });
    }
    expect(await patwarden.countTokens()).toBe(before);

    // A request without a grant grants nothing, and without a lifetime gets a limited one.
    const { token, secret } = await ask(createToken, { name: "n" }, { key: await strictIssuer.sign(person) });
    expect(token).toMatchObject({ subject: `user:strict|${sub}`, neverExpires: false });
    expect((token?.expireTime?.seconds ?? 0n) - (token?.createTime?.seconds ?? 0n)).toBe(90n * 86_400n);
    expect(await patwarden.check(secret)).toBe(Reason.NOT_GRANTED);
  });

  it("SC-14 a user makes their own tokens with a part of their rights, within the limits of policy and service", async () => {
    const sub = `user-${randomUUID()}`;
    const subject = `user:${sub}`;
    const settings = { key: await issuer.sign({ sub }) };
    const viewer = (await issue({ grant: rulesOf("viewer") }, settings)).secret;
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
      { user: subject, relation: "editor", object: "document:roadmap" },
    ]);
    expect([
      await patwarden.check(viewer, { action: "viewer" }),
      await patwarden.check(viewer, { action: "editor" }),
    ]).toEqual([Reason.ALLOWED, Reason.NOT_GRANTED]);
    const editor = (await issue({ grant: rulesOf("editor", "viewer") }, settings)).secret;
    expect(await patwarden.check(editor, { action: "editor" })).toBe(Reason.ALLOWED);

    const refused = async (request: object, by: CallSettings) => {
      const reply = await patwarden.port.call(TokenService.method.createToken, { name: "n", ...request }, by);
      return reply.ok ? "made" : [reply.reason, reply.metadata["limit"], reply.metadata["scope"]];
    };
    const ceiling = { scope: "user", allowedActions: ["viewer"], forbidFull: true };
    await ask(PolicyService.method.updatePolicy, {
      policy: ceiling,
      updateMask: { paths: ["allowed_actions", "forbid_full"] },
    });
    try {
      expect(await refused({ grant: rulesOf("viewer") }, settings)).toBe("made");
      expect(await refused({ grant: rulesOf("viewer", "editor") }, settings)).toEqual([
        "POLICY_VIOLATION",
        "allowed_actions",
        "user",
      ]);
      expect(await refused({ grant: { full: true } }, settings)).toEqual(["POLICY_VIOLATION", "forbid_full", "user"]);
      expect(await patwarden.check(editor, { action: "editor" })).toBe(Reason.POLICY);
    } finally {
      await ask(PolicyService.method.deletePolicy, { scope: "user" });
    }

    const through = {
      key: keys.narrowed,
      headers: { "patwarden-user-authorization": `Bearer ${settings.key}` },
    };
    expect(await refused({ grant: rulesOf("viewer") }, through)).toBe("made");
    for (const [over, limit] of [
      [{ grant: rulesOf("editor") }, "max_grant"],
      [{ grant: { full: true } }, "max_grant"],
      [{ grant: rulesOf("viewer"), lifetime: { case: "neverExpires", value: true } }, "max_lifetime"],
    ] as const) {
      expect(await refused(over, through)).toEqual(["POLICY_VIOLATION", limit, "caller"]);
    }
  });

  it("who suspended decides who may resume: an owner cannot undo an administrator", async () => {
    const id = await make("alice's for acme");
    const { suspendToken, resumeToken } = TokenService.method;
    expect(await outcome(suspendToken, { id }, "alice")).toBe("ok");
    expect(await outcome(resumeToken, { id }, "alice")).toBe("ok");
    expect(await outcome(suspendToken, { id }, "bob")).toBe("ok");
    expect(await outcome(resumeToken, { id }, "alice")).toBe("CALLER_FORBIDDEN");
    expect(await outcome(suspendToken, { id }, "root")).toBe("ok");
    expect(await outcome(resumeToken, { id }, "bob")).toBe("CALLER_FORBIDDEN");
    expect(await outcome(resumeToken, { id }, "root")).toBe("ok");
  });

  it("passing on a user's token takes the permission, the header, and a token that is good", async () => {
    const good = await issuer.sign({ sub: "alice" });
    const unauthenticated = { reason: "CALLER_UNAUTHENTICATED", metadata: {} };
    const problem = 'the patwarden-user-authorization header must be "Bearer", a space and one credential';
    for (const [key, header, refusal] of [
      [keys.behalf, "Bearer nonsense", unauthenticated],
      [keys.behalf, good, { ...unauthenticated, metadata: { problem } }],
      [keys.behalf, `Bearer ${await issuer.sign({ sub: "alice", aud: "https://other.example" })}`, unauthenticated],
      [keys.idle, `Bearer ${good}`, { reason: "CALLER_FORBIDDEN", metadata: { permission: "tokens.behalf" } }],
      ["pw_svc_unknown", `Bearer ${good}`, unauthenticated],
    ] as const) {
      const reply = await patwarden.port.call(
        TokenService.method.listTokens,
        {},
        { key, headers: { "patwarden-user-authorization": header } },
      );
      expect(reply).toMatchObject({ ok: false, ...refusal });
    }
    // Without the header the service calls for itself, and has no permission.
    expect(await patwarden.port.call(TokenService.method.listTokens, {}, { key: keys.behalf })).toMatchObject({
      ok: false,
      reason: "CALLER_FORBIDDEN",
    });
  });

  it("every event is in the audit trail, and can be found by token, actor and the SHA-256 of a found secret", async () => {
    const { token, secret }: IssuedToken = await patwarden.createToken({
      subject: "user:alice",
      name: "audited",
      grant: { full: true },
    });
    await outcome(TokenService.method.suspendToken, { id: token.id, comment: "look" }, "alice");
    await outcome(TokenService.method.resumeToken, { id: token.id }, "alice");
    await outcome(
      TokenService.method.updateToken,
      { token: { id: token.id, name: "new" }, updateMask: { paths: ["name"] } },
      "root",
    );
    await outcome(TokenService.method.rotateToken, { id: token.id }, "behalf of alice");
    await outcome(TokenService.method.revokeToken, { id: token.id }, "service");
    const events = async (query: object) => {
      const reply = await patwarden.port.call(AuditService.method.listAuditEvents, query);
      if (!reply.ok) throw new Error(reply.message);
      return reply.value.events;
    };
    const trail = await events({ tokenId: token.id });
    expect(trail.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
      "token.revoked service:admin",
      "token.rotated user:alice",
      "token.updated user:root",
      "token.resumed user:alice",
      "token.suspended user:alice",
      "token.created service:admin",
    ]);
    expect(trail[1]?.details).toMatchObject({ via: "service:backend" });
    expect(trail[2]?.details).toMatchObject({ "name.before": "audited", "name.after": "new" });
    expect(trail.every(({ clientIp, subject }) => clientIp === "127.0.0.1" && subject === "user:alice")).toBe(true);
    const found = await events({ secretSha256: hashOf(secret) });
    expect(found.map(({ id }) => id)).toEqual(trail.map(({ id }) => id));
    expect(await events({ secretSha256: hashOf("never issued") })).toEqual([]);
    // Refused calls are recorded too, in the background.
    await outcome(SubjectService.method.deleteSubject, { subject: "user:x" }, "carol");
    await expect
      .poll(
        async () =>
          (await events({ actor: "user:carol" })).map(({ action, outcome: out, details }) => [
            action,
            out,
            details["method"],
          ]),
        {
          timeout: 10_000,
          interval: 50,
        },
      )
      .toContainEqual(["access.refused", "refused", "patwarden.v1.SubjectService/DeleteSubject"]);
    // And sealed in the background.
    await expect
      .poll(async () => (await events({ tokenId: token.id })).every(({ hash }) => hash.length === 64), {
        timeout: 10_000,
        interval: 100,
      })
      .toBe(true);
    expect(await patwarden.dump()).not.toContain(secret.slice(7, -6));
  });
});
