import { randomUUID } from "node:crypto";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type IssuedToken, type MainJob, type MainJobSettings, startMainJob } from "../kit/main-job.js";
import type { CallSettings, Port } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/*
 * The authorization matrix: every method, every kind of caller, and own, foreign, organization's, bound and missing objects. By examples/direct,
 * bob administers acme, alice is a member of it, carol is nobody there.
 */

const keys = { maker: newKey(), behalf: newKey(), idle: newKey() };
let issuer: TestIssuer;
let jobs: Readonly<Record<"PostgreSQL" | "PGlite", MainJob>>;
/** The one of the tests that run now. */
let job: MainJob;
const grid = (["gRPC", "HTTP"] as const).flatMap((port) =>
  (["PostgreSQL", "PGlite"] as const).map((engine) => [port, engine] as const),
);
beforeAll(async () => {
  issuer = await startTestIssuer();
  const settings: MainJobSettings = {
    config: {
      issuers: [
        {
          issuer: issuer.url,
          audiences: [issuer.audience],
          subject: "{sub}",
          admin: { claim: "roles", value: "patwarden-admin" },
        },
      ],
    },
    callers: [
      { name: "maker", key_sha256: [hashOf(keys.maker)], permissions: ["tokens.impersonate"] },
      { name: "backend", key_sha256: [hashOf(keys.behalf)], permissions: ["tokens.behalf"] },
      { name: "idle", key_sha256: [hashOf(keys.idle)], permissions: ["check"] },
    ],
  };
  jobs = {
    PostgreSQL: await startMainJob({ ...settings, engine: "PostgreSQL" }),
    PGlite: await startMainJob({ ...settings, engine: "PGlite" }),
  };
  job = jobs.PostgreSQL;
});
afterAll(async () => {
  for (const one of Object.values(jobs)) await one.stop();
  await issuer.stop();
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
/** Who has which right on what; whoever is not named has none. */
const rights: Readonly<Partial<Record<CallerName, Partial<Record<ObjectName, readonly Right[]>>>>> = {
  alice: { "alice's": ["read", "create", "revoke"], "alice's for acme": ["read", "create", "revoke"] },
  "behalf of alice": { "alice's": ["read", "create", "revoke"], "alice's for acme": ["read", "create", "revoke"] },
  // An administrator sees and ends what is bound to the organization, and never mints for a member.
  bob: { "acme's": all, "alice's for acme": ["read", "approve", "revoke"] },
  root: { "alice's": all, "acme's": all, "alice's for acme": all },
  service: { "alice's": all, "acme's": all, "alice's for acme": all },
};

type Methods = typeof TokenService.method;
type OnObject = Exclude<keyof Methods, "createToken" | "listTokens" | "revokeTokens">;
/** For each method on one token: the right that it takes, and what is sent. */
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

/** What a Patwarden token may about itself; everything else is closed to it. */
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

async function settingsOf(caller: CallerName): Promise<CallSettings> {
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
      return { key: job.alice.secret };
    case "nobody":
      return { key: null };
  }
}

describe.each(grid)("over %s on %s", (name, engine) => {
  beforeAll(() => {
    job = jobs[engine];
  });

  const port = (): Port => {
    const found = job.server.ports.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no ${name} port`);
    return found;
  };
  const outcome = async (method: unknown, request: object, caller: CallerName): Promise<string | undefined> => {
    const call = method as DescMethodUnary<DescMessage, DescMessage>; // only the outcome is looked at
    const reply = await port().call(call, request as MessageInitShape<DescMessage>, await settingsOf(caller));
    return reply.ok ? "ok" : reply.reason;
  };
  const make = async (object: ObjectName): Promise<string> => {
    if (object === "missing") return "tok_01h455vb4pex5vsknk084sn02q";
    const reply = await port().call(
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
    const rows = [...Object.keys(onObject), "createToken", "listTokens", "revokeTokens"];
    expect(rows.sort()).toEqual(Object.keys(TokenService.method).sort());
  });

  it.each(cases)("$method of $object token by $caller", async ({ object, caller, method }) => {
    const id = await make(object);
    const got = await outcome(TokenService.method[method], onObject[method].request(id), caller);
    const expected = expectedOn(caller, object, method);
    const refusals: readonly (string | undefined)[] = ["CALLER_FORBIDDEN", "NOT_FOUND", "CALLER_UNAUTHENTICATED"];
    if (expected !== "ok") expect(got).toBe(expected);
    // RevokeSecret finds no such secret, which is told only to whom may know of the token.
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
    // SC-1: an owner named in the body is no identity.
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
    ["bob", { organization: "organization:other" }, "NOT_FOUND"],
    ["root", { subject: "user:bob" }, "ok"],
    ["token", {}, "CALLER_FORBIDDEN"],
    ["nobody", {}, "CALLER_UNAUTHENTICATED"],
  ])("listTokens by %s: %j", async (caller, request, expected) => {
    expect(await outcome(TokenService.method.listTokens, request, caller)).toBe(expected);
  });

  const everything = { target: { case: "everything", value: true }, validateOnly: true };
  const ofSubject = (value: string) => ({ target: { case: "subject", value }, validateOnly: true });
  const ofOrganization = (value: string) => ({ target: { case: "organization", value }, validateOnly: true });
  it.each<[CallerName, object, string]>([
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

  const question = { token: "x", resource: "document:1", action: "viewer" };
  const policyOf = (scope: string) => ({
    policy: { scope, forbidFull: false },
    updateMask: { paths: ["forbid_full"] },
    validateOnly: true,
  });
  const others: readonly [unknown, object, Partial<Record<CallerName, string>>][] = [
    [AuthorizationService.method.check, question, { root: "ok", service: "ok", "service without": "ok" }],
    [
      AuthorizationService.method.batchCheck,
      { items: [question] },
      { root: "ok", service: "ok", "service without": "ok" },
    ],
    [AuthorizationService.method.introspect, { token: "x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.getSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.disableSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.enableSubject, { subject: "user:x" }, { root: "ok", service: "ok" }],
    [SubjectService.method.deleteSubject, { subject: "user:gone" }, { root: "ok", service: "ok" }],
    [PolicyService.method.getPolicy, { scope: "user" }, { root: "ok", service: "ok" }],
    [PolicyService.method.getPolicy, { scope: "organization:acme" }, { root: "ok", service: "ok", bob: "ok" }],
    [PolicyService.method.updatePolicy, policyOf("user"), { root: "ok", service: "ok" }],
    [PolicyService.method.updatePolicy, policyOf("organization:acme"), { root: "ok", service: "ok", bob: "ok" }],
    [PolicyService.method.deletePolicy, { scope: "organization:acme" }, { root: "ok", service: "ok", bob: "ok" }],
    [AuditService.method.listAuditEvents, {}, { root: "ok", service: "ok" }],
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

  it("a user sees just the own tokens, of whichever maker, and OW-4 the organization keeps its own when the maker leaves", async () => {
    const sub = `user-${randomUUID()}`;
    const user = { key: await issuer.sign({ sub }) };
    const made = await port().call(TokenService.method.createToken, { name: "mine", grant: { full: true } }, user);
    expect(made).toMatchObject({
      ok: true,
      value: { token: { subject: `user:${sub}`, createdBy: `user:${sub}`, createdVia: "" } },
    });
    const passedOn = {
      key: keys.behalf,
      headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub })}` },
    };
    const through = await port().call(
      TokenService.method.createToken,
      { name: "by shop", grant: { full: true } },
      passedOn,
    );
    expect(through).toMatchObject({
      ok: true,
      value: { token: { createdBy: `user:${sub}`, createdVia: "service:backend" } },
    });
    const listed = await port().call(TokenService.method.listTokens, {}, user);
    expect(listed.ok && listed.value.tokens.map(({ name: one }) => one)).toEqual(["by shop", "mine"]);
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
    for (const [key, header] of [
      [keys.behalf, "Bearer nonsense"],
      [keys.behalf, good],
      [keys.behalf, `Bearer ${await issuer.sign({ sub: "alice", aud: "https://other.example" })}`],
      [keys.idle, `Bearer ${good}`],
      ["pw_svc_unknown", `Bearer ${good}`],
    ] as const) {
      const reply = await port().call(
        TokenService.method.listTokens,
        {},
        { key, headers: { "patwarden-user-authorization": header } },
      );
      expect(reply).toMatchObject({ ok: false, reason: "CALLER_UNAUTHENTICATED" });
    }
    // Without the header the service is itself, and may nothing.
    expect(await port().call(TokenService.method.listTokens, {}, { key: keys.behalf })).toMatchObject({
      ok: false,
      reason: "CALLER_FORBIDDEN",
    });
  });

  it("everything that happened stands in the audit trail, found by token, actor and the SHA-256 of a found secret", async () => {
    const { token, secret }: IssuedToken = await job.createToken({
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
      const reply = await port().call(AuditService.method.listAuditEvents, query);
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
    // Refused calls too, off the request path.
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
    expect(await job.dump()).not.toContain(secret.slice(7, -6));
  });
});
