import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** Users sign in again before a call that gives more power, and before no other. */

const keys = { maker: newKey(), backend: newKey() };
let issuer: TestIssuer;
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  issuer = await startTestIssuer();
  engines = await startOnEngines({
    config: {
      limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
      public_http: { listen: "127.0.0.1:0", origins: ["https://app.example.com"] },
      issuers: [
        {
          issuer: issuer.url,
          audiences: [issuer.audience],
          admin: { claim: "roles", value: "patwarden-admin" },
          step_up: { max_age: "10m", acr: ["mfa"] },
        },
      ],
    },
    callers: [
      { name: "maker", key_sha256: [hashOf(keys.maker)], permissions: ["tokens.impersonate", "policies", "subjects"] },
      { name: "backend", key_sha256: [hashOf(keys.backend)], permissions: ["tokens.behalf"] },
    ],
  });
});
afterAll(async () => {
  await engines.stop();
  await issuer.stop();
});

const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds;
const newAndStrong = () => ({ auth_time: secondsAgo(5), acr: "mfa" });
const tooOld = () => ({ auth_time: secondsAgo(601), acr: "mfa" });

type Person = "alice" | "bob" | "root";
async function as(person: Person, claims: object): Promise<CallSettings> {
  return {
    key: await issuer.sign({ sub: person, ...(person === "root" && { roles: ["patwarden-admin"] }), ...claims }),
  };
}

const t = TokenService.method;
const p = PolicyService.method;
const acme = "organization:acme";
const viewing = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };
const ask = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
) => ({ method, request }) as unknown as Ask;
interface Ask {
  readonly method: DescMethodUnary<DescMessage, DescMessage>;
  readonly request: MessageInitShape<DescMessage>;
}

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });

  const service = () => ({ key: keys.maker });
  const make = async (request: object = {}) =>
    (await patwarden.createToken({ grant: viewing, ...request }, service())).token;
  const setPolicy = (scope: string, policy: object, paths: string[]) =>
    patwarden.ask(p.updatePolicy, { policy: { scope, ...policy }, updateMask: { paths } }, service());

  /** Calls that give more power; each makes what it needs. */
  const giving: readonly (readonly [string, Person, () => Promise<Ask>])[] = [
    ["CreateToken", "alice", async () => ask(t.createToken, { name: "n", grant: viewing })],
    ["CreateToken with validate_only", "alice", async () => ask(t.createToken, { name: "n", validateOnly: true })],
    ["CreateToken for an organization", "bob", async () => ask(t.createToken, { name: "n", subject: acme })],
    ["RotateToken", "alice", async () => ask(t.rotateToken, { id: (await make()).id })],
    [
      "UpdateToken that widens",
      "alice",
      async () =>
        ask(t.updateToken, {
          token: { id: (await make()).id, grant: { full: true } },
          updateMask: { paths: ["grant"] },
        }),
    ],
    [
      "UpdateToken that prolongs",
      "alice",
      async () =>
        ask(t.updateToken, {
          token: { id: (await make()).id, neverExpires: true },
          updateMask: { paths: ["never_expires"] },
        }),
    ],
    [
      "UpdateToken of a claim, which backends trust",
      "root",
      async () =>
        ask(t.updateToken, {
          token: { id: (await make()).id, claims: { plan: "pro" } },
          updateMask: { paths: ["claims"] },
        }),
    ],
    [
      "ResumeToken",
      "alice",
      async () => {
        const { id } = await make();
        await patwarden.ask(t.suspendToken, { id }, await as("alice", {}));
        return ask(t.resumeToken, { id });
      },
    ],
    [
      "ApproveToken",
      "bob",
      async () => {
        await setPolicy(acme, { requireApproval: true }, ["require_approval"]);
        const { id, etag } = await make({ organization: acme });
        return ask(t.approveToken, { id, etag });
      },
    ],
    [
      "UpdatePolicy that loosens",
      "bob",
      async () => {
        await setPolicy(acme, { forbidFull: true }, ["forbid_full"]);
        return ask(p.updatePolicy, { policy: { scope: acme }, updateMask: { paths: ["forbid_full"] } });
      },
    ],
    [
      "DeletePolicy that loosens",
      "bob",
      async () => {
        await setPolicy(acme, { forbidFull: true }, ["forbid_full"]);
        return ask(p.deletePolicy, { scope: acme });
      },
    ],
    [
      "EnableSubject",
      "root",
      async () => {
        await patwarden.ask(SubjectService.method.disableSubject, { subject: "user:dan" }, service());
        return ask(SubjectService.method.enableSubject, { subject: "user:dan" });
      },
    ],
    [
      "RevokeTokens of everything",
      "root",
      async () => {
        const target = { case: "everything", value: true } as const;
        // No token is that old.
        return ask(t.revokeTokens, { target, createdBefore: { seconds: 1n }, expectedCount: 5 });
      },
    ],
  ];

  it.each(giving)("SU-1 %s by %s needs a new and strong sign-in", async (_what, person, prepare) => {
    const { method, request } = await prepare();
    const refused = (claims: object) => as(person, claims).then((key) => patwarden.refused(method, request, key));
    expect(await refused(tooOld())).toMatchObject({
      code: "UNAUTHENTICATED",
      reason: "STEP_UP_REQUIRED",
      metadata: { because: "the sign-in is too old", maxAge: "600", acrValues: "mfa" },
    });
    expect((await refused({ auth_time: secondsAgo(5), acr: "pwd" })).reason).toBe("STEP_UP_REQUIRED");
    // A new access token is no new sign-in.
    expect((await refused({ acr: "mfa" })).metadata).toMatchObject({
      because: expect.stringContaining("no auth_time"),
    });
    expect((await refused({ auth_time: secondsAgo(-120), acr: "mfa" })).metadata).toMatchObject({
      because: "auth_time is in the future",
    });
    const reply = await patwarden.port.call(method, request, await as(person, newAndStrong()));
    // No token is that old, so the count is wrong.
    expect(reply.ok || reply.reason).toBe(method.name === "RevokeTokens" ? "POLICY_VIOLATION" : true);
  });

  const withoutPower: readonly (readonly [string, Person, () => Promise<Ask>])[] = [
    ["ListTokens", "alice", async () => ask(t.listTokens, {})],
    ["GetToken", "alice", async () => ask(t.getToken, { id: (await make()).id })],
    ["RevokeToken", "alice", async () => ask(t.revokeToken, { id: (await make()).id })],
    ["SuspendToken", "alice", async () => ask(t.suspendToken, { id: (await make()).id })],
    ["ResumeToken of a token that runs", "alice", async () => ask(t.resumeToken, { id: (await make()).id })],
    [
      "UpdateToken that narrows",
      "alice",
      async () => ask(t.updateToken, { token: { id: (await make()).id, grant: {} }, updateMask: { paths: ["grant"] } }),
    ],
    [
      "UpdateToken of a name",
      "alice",
      async () => ask(t.updateToken, { token: { id: (await make()).id, name: "m" }, updateMask: { paths: ["name"] } }),
    ],
    [
      "UpdateToken of claims that stay as they are",
      "root",
      async () =>
        ask(t.updateToken, { token: { id: (await make()).id, claims: {} }, updateMask: { paths: ["claims"] } }),
    ],
    [
      "DenyToken",
      "bob",
      async () => {
        await setPolicy(acme, { requireApproval: true }, ["require_approval"]);
        return ask(t.denyToken, { id: (await make({ organization: acme })).id });
      },
    ],
    [
      "UpdatePolicy that tightens",
      "bob",
      async () => {
        await setPolicy(acme, {}, ["require_expiry"]);
        const policy = { scope: acme, requireExpiry: true };
        return ask(p.updatePolicy, { policy, updateMask: { paths: ["require_expiry"] } });
      },
    ],
    [
      "a preview of a policy that loosens",
      "bob",
      async () => {
        await setPolicy(acme, { forbidFull: true }, ["forbid_full"]);
        return ask(p.updatePolicy, {
          policy: { scope: acme },
          updateMask: { paths: ["forbid_full"] },
          validateOnly: true,
        });
      },
    ],
    [
      "RevokeTokens of an organization",
      "bob",
      async () =>
        ask(t.revokeTokens, { target: { case: "organization", value: acme }, createdBefore: { seconds: 1n } }),
    ],
    ["DisableSubject", "root", async () => ask(SubjectService.method.disableSubject, { subject: "user:dan" })],
  ];

  it.each(withoutPower)("SU-2 %s by %s needs no step-up", async (_what, person, prepare) => {
    const { method, request } = await prepare();
    await patwarden.ask(method, request, await as(person, {}));
  });

  it("SU-3 a refused call changes nothing and is no refusal in the audit trail", async () => {
    const token = await make();
    const tired = await as("alice", tooOld());
    const update = { token: { id: token.id, grant: { full: true } }, updateMask: { paths: ["grant"] } };
    expect((await patwarden.refused(t.updateToken, update, tired)).reason).toBe("STEP_UP_REQUIRED");
    expect((await patwarden.refused(t.rotateToken, { id: token.id }, tired)).reason).toBe("STEP_UP_REQUIRED");
    expect((await patwarden.ask(t.getToken, { id: token.id })).token?.etag).toBe(token.etag);
    const { events } = await patwarden.ask(AuditService.method.listAuditEvents, { tokenId: token.id });
    expect(events.map(({ action }) => action)).toEqual(["token.created"]);
    const refusals = await patwarden.ask(AuditService.method.listAuditEvents, { actor: "user:alice", pageSize: 1000 });
    expect(refusals.events.filter(({ details }) => Object.values(details).includes("STEP_UP_REQUIRED"))).toEqual([]);
  });

  it("SU-4 concerns a user behind a service, and neither services nor tokens", async () => {
    const behalf = async (claims: object) => ({
      key: keys.backend,
      headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub: "alice", ...claims })}` },
    });
    const request = { name: "n", grant: viewing };
    expect((await patwarden.refused(t.createToken, request, await behalf(tooOld()))).reason).toBe("STEP_UP_REQUIRED");
    await patwarden.ask(t.createToken, request, await behalf(newAndStrong()));
    await patwarden.ask(t.createToken, { ...request, subject: "user:alice" }, service());
    await setPolicy("user", { allowSelfRotation: true }, ["allow_self_rotation"]);
    const own = await patwarden.createToken({ selfRotate: true }, service());
    await patwarden.ask(t.rotateToken, {}, { key: own.secret });
  });

  it("SU-5 nobody signs in again for a call that is refused all the same", async () => {
    const tired = await as("alice", tooOld());
    expect((await patwarden.refused(t.createToken, { name: "n", subject: "user:bob" }, tired)).reason).toBe(
      "CALLER_FORBIDDEN",
    );
    expect((await patwarden.refused(t.createToken, { name: "" }, tired)).reason).toBe("INVALID_FIELD");
    const { id } = await make({ subject: "user:bob" });
    expect((await patwarden.refused(t.rotateToken, { id }, tired)).reason).toBe("NOT_FOUND");
  });
});

describe("the challenge of RFC 9470", () => {
  const challenge =
    'Bearer error="insufficient_user_authentication", error_description="a newer or stronger sign-in is required", max_age="600", acr_values="mfa"';

  it("SU-6 is in the header of a 401 that a page of another origin may read", async () => {
    const response = await fetch(`${engines.PostgreSQL.server.publicHttp}/patwarden.v1.TokenService/CreateToken`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${(await as("alice", tooOld())).key}`,
        "content-type": "application/json",
        origin: "https://app.example.com",
      },
      body: JSON.stringify({ name: "n" }),
    });
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, challenge]);
    expect(response.headers.get("access-control-expose-headers")).toContain("WWW-Authenticate");
  });
});
