import type { DescEnum } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason, ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import {
  type ExplainTokenResponse,
  SelfService,
  Step_Kind,
  Step_KindSchema,
  Step_Result,
  Step_ResultSchema,
} from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { grid, type IssuedToken, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** ExplainToken answers what a Check would: the same reason, with the steps to it. */

const { explainToken } = SelfService.method;
const t = TokenService.method;
const keys = { reader: newKey(), narrowed: newKey(), idle: newKey() };
let issuer: TestIssuer;
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  issuer = await startTestIssuer();
  engines = await startOnEngines({
    config: {
      limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
      issuers: [
        { issuer: issuer.url, audiences: [issuer.audience], admin: { claim: "roles", value: "patwarden-admin" } },
      ],
      usage: { flush_interval: "1s" },
    },
    callers: [
      { name: "reader", key_sha256: [hashOf(keys.reader)], permissions: ["tokens.read"] },
      {
        name: "narrowed",
        key_sha256: [hashOf(keys.narrowed)],
        permissions: ["tokens.read"],
        subjects: ["organization:*"],
      },
      { name: "idle", key_sha256: [hashOf(keys.idle)], permissions: ["check"] },
    ],
  });
});
afterAll(async () => {
  await engines.stop();
  await issuer.stop();
});

const kinds = [
  Step_Kind.STATE,
  Step_Kind.SUBJECT,
  Step_Kind.NETWORK,
  Step_Kind.GRANT,
  Step_Kind.POLICY,
  Step_Kind.MEMBERSHIP,
  Step_Kind.PERMISSION,
];

const nameIn = ({ value }: DescEnum, number: number): string => value[number]?.localName ?? String(number);

/** Returns each step as `KIND RESULT`, with the reason of a refusal. */
const told = ({ steps }: ExplainTokenResponse): readonly string[] =>
  steps.map(({ kind, result, reason, blockedBy }) =>
    [
      nameIn(Step_KindSchema, kind),
      nameIn(Step_ResultSchema, result),
      ...(reason ? [nameIn(ReasonSchema, reason)] : []),
      ...blockedBy,
    ].join(" "),
  );

const onDocuments = (...actions: string[]) => ({ rules: [{ actions, resources: ["document:*"] }] });

describe("an explanation is what a Check answers, whatever holds of token, subjects, policy and OpenFGA", () => {
  const grants = [
    { full: true },
    onDocuments("viewer"),
    { rules: [{ actions: ["*"], resources: ["document:handbook", "document:payroll"] }] },
    {},
  ];
  const holders = [
    { subject: "user:alice" },
    { subject: "user:alice", organization: "organization:acme" },
    { subject: "user:alice", organization: "organization:left" },
    { subject: "user:alice", organization: "organization:closed" },
    { subject: "user:disabled" },
    { subject: "user:deleted" },
    { subject: "organization:acme" },
  ];
  const past = { seconds: 1_000_000n };
  const far = { seconds: BigInt(Math.floor(Date.now() / 1000) + 86_400) };
  const states = [
    "as made",
    "revoked",
    "suspended",
    "pending",
    "denied",
    "expired",
    "not yet valid",
    "networks",
  ] as const;
  const policies = [
    {},
    { blockAll: true },
    { forbidFull: true },
    { allowedActions: ["editor"] },
    { maxLifetime: { seconds: 60n } },
    { allowedCidrs: ["192.0.2.0/24"] },
  ];
  const paths = [
    ...["block_all", "forbid_full", "allowed_actions", "max_lifetime", "allowed_cidrs"],
    "require_approval",
  ];
  const questions = [
    { resource: "document:roadmap", action: "viewer", clientIp: "192.0.2.1" },
    { resource: "document:handbook", action: "viewer", clientIp: "" },
    { resource: "document:payroll", action: "editor", clientIp: "203.0.113.9" },
  ];

  it.each([
    { port: "gRPC", engine: "PostgreSQL", every: 1 },
    // The embedded database answers one statement at a time.
    { port: "HTTP", engine: "PGlite", every: 5 },
  ] as const)(
    "over $port on $engine",
    async ({ port, engine, every }) => {
      const patwarden = engines[engine].over(port);
      const { admin, storeId } = patwarden.openfga;
      const left = { user: "user:alice", relation: "member", object: "organization:left" };
      await admin.writeTuples(storeId, [
        left,
        { user: "user:alice", relation: "member", object: "organization:closed" },
        { user: "user:disabled", relation: "viewer", object: "document:roadmap" },
        { user: "user:deleted", relation: "viewer", object: "document:roadmap" },
      ]);
      const setPolicies = (policy: object) =>
        Promise.all(
          ["user", "organization"].map((scope) =>
            patwarden.ask(PolicyService.method.updatePolicy, { policy: { scope, ...policy }, updateMask: { paths } }),
          ),
        );
      const make = async (holder: object, grant: object, state: (typeof states)[number]) => {
        const made = await patwarden.createToken({
          ...{ ...holder, grant, lifetime: { case: "ttl", value: { seconds: 7_200n } } },
          ...(state === "not yet valid" && { notBefore: far, lifetime: { case: "neverExpires", value: true } }),
          ...(state === "networks" && { allowedCidrs: ["192.0.2.0/25"] }),
        });
        const { id } = made.token;
        if (state === "revoked") await patwarden.ask(t.revokeToken, { id });
        if (state === "suspended") await patwarden.ask(t.suspendToken, { id });
        if (state === "denied") await patwarden.ask(t.denyToken, { id });
        if (state === "expired") {
          const token = { id, expireTime: past };
          await patwarden.ask(t.updateToken, { token, updateMask: { paths: ["expire_time"] } });
        }
        return made;
      };
      const tokens: { readonly what: string; readonly made: IssuedToken }[] = [];
      for (const state of states) {
        await setPolicies({ requireApproval: state === "pending" || state === "denied" });
        const cases = holders
          .flatMap((holder) => grants.map((grant) => ({ holder, grant })))
          .filter((_, index) => index % every === 0);
        const all = await inGroups(cases, async ({ holder, grant }) => ({
          what: JSON.stringify({ state, ...holder, grant }),
          made: await make(holder, grant, state),
        }));
        tokens.push(...all);
      }
      await admin.deleteTuples(storeId, [left]);
      for (const subject of ["organization:closed", "user:disabled"]) {
        await patwarden.ask(SubjectService.method.disableSubject, { subject });
      }
      await patwarden.ask(SubjectService.method.deleteSubject, { subject: "user:deleted" });

      const seen = new Set<string>();
      for (const policy of policies) {
        await setPolicies(policy);
        await inGroups(tokens, async ({ what, made }) => {
          for (const { resource, action, clientIp } of questions) {
            const which = `${what} under ${JSON.stringify(policy, (_, value) => (typeof value === "bigint" ? Number(value) : value))} asked for ${action} of ${resource} from ${clientIp}`;
            const [explained, checked] = await Promise.all([
              patwarden.ask(explainToken, { tokenId: made.token.id, resource, action, clientIp }),
              patwarden.ask(AuthorizationService.method.check, {
                token: made.secret,
                ...{ resource, action, context: { clientIp }, consistency: Consistency.HIGHER_CONSISTENCY },
              }),
            ]);
            expect([which, explained.reason && nameIn(ReasonSchema, explained.reason)]).toEqual([
              which,
              nameIn(ReasonSchema, checked.reason),
            ]);
            expect([which, explained.steps.map(({ kind }) => kind)]).toEqual([which, kinds]);
            const refused = explained.steps.find(({ result }) => result === Step_Result.REFUSED);
            expect([which, refused?.reason ?? Reason.ALLOWED]).toEqual([which, checked.reason]);
            seen.add(nameIn(ReasonSchema, checked.reason));
          }
        });
      }
      await setPolicies({});
      await patwarden.ask(SubjectService.method.enableSubject, { subject: "user:disabled" });
      // Otherwise the comparison would be of little.
      expect([...seen].sort()).toEqual([
        ...["ALLOWED", "NETWORK_NOT_ALLOWED", "NOT_A_MEMBER", "NOT_GRANTED", "NOT_PERMITTED", "POLICY"],
        ...["SUBJECT_DISABLED", "TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID", "TOKEN_PENDING_APPROVAL", "TOKEN_REVOKED"],
        "TOKEN_SUSPENDED",
      ]);
    },
    240_000,
  );
});

/** Runs at most 4 at a time: the embedded database answers one after the other, and callers wait for a second. */
async function inGroups<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += 4) results.push(...(await Promise.all(items.slice(at, at + 4).map(run))));
  return results;
}

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });
  const viewing = { resource: "document:roadmap", action: "viewer" };
  const as = async (sub: string, claims: object = {}): Promise<CallSettings> => ({
    key: await issuer.sign({ sub, ...claims }),
  });

  it("answers the steps after the one that refuses too", async () => {
    const { token } = await patwarden.createToken({ grant: onDocuments("editor"), allowedCidrs: ["192.0.2.0/24"] });
    await patwarden.ask(t.suspendToken, { id: token.id });
    const explained = await patwarden.ask(explainToken, { tokenId: token.id, ...viewing });
    expect(explained.reason).toBe(Reason.TOKEN_SUSPENDED);
    expect(told(explained)).toEqual([
      "STATE REFUSED TOKEN_SUSPENDED",
      "SUBJECT PASSED",
      "NETWORK REFUSED NETWORK_NOT_ALLOWED",
      "GRANT REFUSED NOT_GRANTED",
      "POLICY PASSED",
      "MEMBERSHIP NOT_ASKED",
      "PERMISSION PASSED",
    ]);
  });

  it("names the fields of the policy that refuse", async () => {
    const scope = "organization:acme";
    const { token } = await patwarden.createToken({ subject: scope });
    const paths = ["forbid_full", "allowed_actions"];
    const policy = { scope, forbidFull: true, allowedActions: ["editor"] };
    await patwarden.ask(PolicyService.method.updatePolicy, { policy, updateMask: { paths } });
    const explained = await patwarden.ask(explainToken, { tokenId: token.id, ...viewing });
    expect(told(explained)[4]).toBe("POLICY REFUSED POLICY forbid_full allowed_actions");
    // Without an action, only what blocks the token itself.
    const ofToken = await patwarden.ask(explainToken, { tokenId: token.id });
    expect([ofToken.reason, told(ofToken)[4]]).toEqual([Reason.POLICY, "POLICY REFUSED POLICY forbid_full"]);
    await patwarden.ask(PolicyService.method.deletePolicy, { scope });
  });

  it("without resource and action explains what needs neither, and gives no answer when nothing refuses", async () => {
    const { token } = await patwarden.createToken({ organization: "organization:acme" });
    const explained = await patwarden.ask(explainToken, { tokenId: token.id });
    expect(explained.reason).toBeUndefined();
    expect(told(explained)).toEqual([
      ...["STATE PASSED", "SUBJECT PASSED", "NETWORK PASSED", "GRANT NOT_ASKED", "POLICY PASSED"],
      ...["MEMBERSHIP PASSED", "PERMISSION NOT_ASKED"],
    ]);
    await patwarden.ask(t.revokeToken, { id: token.id });
    expect((await patwarden.ask(explainToken, { tokenId: token.id })).reason).toBe(Reason.TOKEN_REVOKED);
  });

  it("WY-1 while OpenFGA is down answers the steps that do not need it, and guesses no answer", async () => {
    const narrow = await patwarden.createToken({ grant: onDocuments("editor"), organization: "organization:acme" });
    patwarden.faults.openfga.cut();
    try {
      const explained = await patwarden.ask(explainToken, { tokenId: patwarden.alice.token.id, ...viewing });
      expect(explained.reason).toBeUndefined();
      expect(told(explained)).toEqual([
        ...["STATE PASSED", "SUBJECT PASSED", "NETWORK PASSED", "GRANT PASSED", "POLICY PASSED"],
        ...["MEMBERSHIP NOT_ASKED", "PERMISSION UNKNOWN"],
      ]);
      const refused = await patwarden.ask(explainToken, { tokenId: narrow.token.id, ...viewing });
      expect([refused.reason, ...told(refused).slice(3)]).toEqual([
        Reason.NOT_GRANTED,
        ...["GRANT REFUSED NOT_GRANTED", "POLICY PASSED", "MEMBERSHIP UNKNOWN", "PERMISSION UNKNOWN"],
      ]);
    } finally {
      patwarden.faults.openfga.heal();
    }
    await vi.waitFor(async () => expect(await patwarden.check(patwarden.alice.secret)).toBe(Reason.ALLOWED), 60_000);
  });

  it("WY-2 is no use of the token: it counts nothing and moves no last use", async () => {
    const asked = await patwarden.createToken();
    const used = await patwarden.createToken();
    const explained = await patwarden.ask(explainToken, { tokenId: asked.token.id, ...viewing });
    expect(explained.reason).toBe(Reason.ALLOWED);
    expect(await patwarden.check(used.secret)).toBe(Reason.ALLOWED);
    const usedAt = async ({ token: { id } }: IssuedToken) =>
      (await patwarden.ask(t.getToken, { id })).token?.lastUseTime;
    // The same write would have brought both.
    await vi.waitFor(async () => expect(await usedAt(used)).toBeDefined(), 60_000);
    expect(await usedAt(asked)).toBeUndefined();
    const counted = async ({ token: { id } }: IssuedToken) =>
      (await patwarden.ask(UsageService.method.queryUsage, { tokenId: id })).rows.length;
    await vi.waitFor(async () => expect(await counted(used)).toBeGreaterThan(0), 60_000);
    expect(await counted(asked)).toBe(0);
  });

  it("WY-3 is for those who may see the token", async () => {
    const own = await patwarden.createToken();
    const bound = await patwarden.createToken({ organization: "organization:acme" });
    const ofAcme = await patwarden.createToken({ subject: "organization:acme" });
    const outcomes = async (settings: CallSettings): Promise<readonly unknown[]> => {
      const ids = [own.token.id, bound.token.id, ofAcme.token.id, "tok_01h455vb4pex5vsknk084sn02q"];
      return Promise.all(
        ids.map(async (tokenId) => {
          const reply = await patwarden.port.call(explainToken, { tokenId, ...viewing }, settings);
          return reply.ok ? "ok" : reply.reason;
        }),
      );
    };
    const all = (outcome: string) => [outcome, outcome, outcome, outcome];
    expect(await outcomes(await as("alice"))).toEqual(["ok", "ok", "NOT_FOUND", "NOT_FOUND"]);
    expect(await outcomes(await as("bob"))).toEqual(["NOT_FOUND", "ok", "ok", "NOT_FOUND"]);
    expect(await outcomes(await as("carol"))).toEqual(all("NOT_FOUND"));
    expect(await outcomes(await as("root", { roles: ["patwarden-admin"] }))).toEqual(["ok", "ok", "ok", "NOT_FOUND"]);
    expect(await outcomes({ key: keys.reader })).toEqual(["ok", "ok", "ok", "NOT_FOUND"]);
    expect(await outcomes({ key: keys.narrowed })).toEqual(["NOT_FOUND", "NOT_FOUND", "ok", "NOT_FOUND"]);
    expect(await outcomes({ key: keys.idle })).toEqual(all("CALLER_FORBIDDEN"));
    expect(await outcomes({ key: own.secret })).toEqual(all("CALLER_FORBIDDEN"));
    expect(await outcomes({ key: null })).toEqual(all("CALLER_UNAUTHENTICATED"));
  });

  it("WY-4 tells an administrator of an organization nothing of a member that the token does not reach", async () => {
    const organization = "organization:acme";
    const explained = async (made: IssuedToken, question: object = viewing, sub = "bob") =>
      told(await patwarden.ask(explainToken, { tokenId: made.token.id, ...question }, await as(sub))).slice(3);
    const narrow = await patwarden.createToken({ organization, grant: onDocuments("editor") });
    const beyond = ["GRANT REFUSED NOT_GRANTED", "POLICY PASSED", "MEMBERSHIP PASSED"];
    expect(await explained(narrow)).toEqual([...beyond, "PERMISSION NOT_ASKED"]);
    expect(await explained(narrow, viewing, "alice")).toEqual([...beyond, "PERMISSION PASSED"]);
    // Within the token, also while it waits for approval or is suspended.
    await patwarden.ask(t.suspendToken, { id: narrow.token.id });
    const editing = { ...viewing, action: "editor" };
    expect(await explained(narrow, editing)).toEqual([
      ...["GRANT PASSED", "POLICY PASSED", "MEMBERSHIP PASSED", "PERMISSION PASSED"],
    ]);
    const { admin, storeId } = patwarden.openfga;
    const membership = { user: "user:alice", relation: "member", object: "organization:zoo" };
    const administration = { user: "user:bob", relation: "admin", object: "organization:zoo" };
    await admin.writeTuples(storeId, [membership, administration]);
    const ofZoo = await patwarden.createToken({ organization: "organization:zoo" });
    await admin.deleteTuples(storeId, [membership]);
    const left = ["GRANT PASSED", "POLICY PASSED", "MEMBERSHIP REFUSED NOT_A_MEMBER"];
    expect(await explained(ofZoo)).toEqual([...left, "PERMISSION NOT_ASKED"]);
    await admin.deleteTuples(storeId, [administration]);
    // An organization's own token acts as the organization, whose administrator asks.
    const own = await patwarden.createToken({ subject: organization, grant: onDocuments("editor") });
    expect((await explained(own)).at(-1)).toBe("PERMISSION REFUSED NOT_PERMITTED");
  });

  it.each<[string, object, string, string]>([
    ["no id", { tokenId: "" }, "INVALID_FIELD", "token_id"],
    ["a secret instead of an id", { tokenId: "pw_pat_x" }, "INVALID_FIELD", "token_id"],
    ["a resource without an action", { resource: "document:roadmap" }, "INVALID_FIELD", "action"],
    ["an action without a resource", { action: "viewer" }, "INVALID_FIELD", "resource"],
    ["an address that is none", { clientIp: "localhost" }, "INVALID_FIELD", "client_ip"],
    ["a type that the model does not have", { resource: "folder:a", action: "viewer" }, "UNKNOWN_TYPE", "resource"],
    ["an action that the type does not have", { ...viewing, action: "owner" }, "UNKNOWN_ACTION", "action"],
  ])("refuses %s", async (_what, request, reason, field) => {
    const refused = await patwarden.refused(explainToken, { tokenId: patwarden.alice.token.id, ...request });
    expect([refused.reason, refused.fields]).toEqual([reason, [field]]);
  });
});
