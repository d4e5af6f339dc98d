import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** ListReachable lists what Check allows, by name, page by page. */

const { listReachable } = SelfService.method;
const keys = { reader: newKey(), narrowed: newKey(), idle: newKey() };
const few = Array.from({ length: 40 }, (_, index) => `document:Few-${index}`);
const many = Array.from({ length: 2_300 }, (_, index) => `document:many-${index}`);
const documents = ["document:roadmap", "document:payroll", "document:price-list", "document:handbook", ...few];
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
    },
    callers: [
      { name: "reader", key_sha256: [hashOf(keys.reader)], permissions: ["tokens.read"] },
      { name: "narrowed", key_sha256: [hashOf(keys.narrowed)], permissions: ["tokens.read"], subjects: ["user:*"] },
      { name: "idle", key_sha256: [hashOf(keys.idle)], permissions: ["check"] },
    ],
    // A slow machine must not make a list incomplete.
    env: { PATWARDEN_OPENFGA_LIST_DEADLINE: "1m" },
  });
  for (const { openfga } of [engines.PostgreSQL, engines.PGlite]) {
    await openfga.admin.writeTuples(openfga.storeId, [
      ...few.flatMap((object, index) => [
        ...(index % 2 === 0 ? [{ user: "user:alice", relation: "viewer", object }] : []),
        ...(index % 3 === 0 ? [{ user: "organization:acme#member", relation: "editor", object }] : []),
        ...(index % 5 === 0 ? [{ user: "organization:acme", relation: "viewer", object }] : []),
      ]),
      ...many.map((object) => ({ user: "user:many", relation: "viewer", object })),
    ]);
  }
});
afterAll(async () => {
  await engines.stop();
  await issuer.stop();
});

type Request = MessageInitShape<typeof listReachable.input>;
const ofSubject = (value: string) => ({ of: { case: "subject", value } }) as const;
const ofToken = (value: string) => ({ of: { case: "tokenId", value } }) as const;
const rule = (actions: string[], resources: string[]) => ({ actions, resources });

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });
  const as = async (sub: string, claims: object = {}): Promise<CallSettings> => ({
    key: await issuer.sign({ sub, ...claims }),
  });
  const wanted = { type: "document", action: "viewer" };
  const page = (request: Request, settings?: CallSettings) =>
    patwarden.ask(listReachable, { ...wanted, ...request }, settings);
  async function whole(request: Request): Promise<readonly string[]> {
    const found: string[] = [];
    let pageToken = "";
    do {
      const next = await page({ ...request, pageToken });
      expect(next.incomplete).toBe(false);
      expect(next.resources.length).toBeLessThanOrEqual(request.pageSize || 50);
      found.push(...next.resources);
      pageToken = next.nextPageToken;
    } while (pageToken !== "");
    return found;
  }
  /** Returns the documents for which a Check with the token allows the action, by name. */
  async function allowed(token: string, action: string): Promise<readonly string[]> {
    const items = documents.map((resource) => ({ resource, action }));
    const consistency = Consistency.HIGHER_CONSISTENCY;
    const { results } = await patwarden.ask(AuthorizationService.method.batchCheck, { token, items, consistency });
    return documents
      .filter((_, index) => {
        const result = results[index]?.result;
        if (result?.case !== "decision") throw new Error("a Check failed");
        return result.value.allowed;
      })
      .sort();
  }

  it.each<[string, object]>([
    ["a full grant", { full: true }],
    ["an empty grant", {}],
    ["one action on all documents", { rules: [rule(["viewer"], ["document:*"])] }],
    [
      "all actions on some documents",
      { rules: [rule(["*"], ["document:Few-0", "document:Few-1", "document:Few-3", "document:gone"])] },
    ],
    ["several rules", { rules: [rule(["editor"], few), rule(["viewer"], ["document:roadmap", "document:payroll"])] }],
    ["another type", { rules: [rule(["*"], ["organization:*"]), rule(["viewer"], ["document:handbook"])] }],
  ])("RE-1 lists what a Check allows to a token with %s", async (_what, grant) => {
    for (const subject of ["user:alice", "organization:acme", "user:nobody"]) {
      for (const organization of subject === "user:alice" ? ["", "organization:acme"] : [""]) {
        const { token, secret } = await patwarden.createToken({ subject, organization, grant });
        for (const action of ["viewer", "editor"]) {
          const expected = await allowed(secret, action);
          expect(await whole({ ...ofToken(token.id), action, pageSize: 7 })).toEqual(expected);
          // The same before the token exists.
          if (organization === "") {
            expect(await whole({ ...ofSubject(subject), grant, action, pageSize: 7 })).toEqual(expected);
          }
        }
      }
    }
  });

  it("lists all that a subject reaches when no grant is given", async () => {
    const { secret } = await patwarden.createToken();
    const found = await whole(ofSubject("user:alice"));
    expect(found).toEqual(await allowed(secret, "viewer"));
    expect((await page({}, await as("alice"))).resources).toEqual(found.slice(0, 50));
  });

  it("has no limit on the length of a list, and its pages are sorted as one", async () => {
    const found = await whole({ ...ofSubject("user:many"), pageSize: 999 });
    expect(found).toEqual([...many].sort());
  });

  it("finds a part of the id in any case, and not the type", async () => {
    expect(await whole({ ...ofSubject("user:alice"), query: "few-1" })).toEqual(
      (await whole(ofSubject("user:alice"))).filter((document) => document.startsWith("document:Few-1")),
    );
    expect(await whole({ ...ofSubject("user:many"), query: "MANY-229" })).toEqual(
      many.filter((document) => document.startsWith("document:many-229")).sort(),
    );
    expect(await whole({ ...ofSubject("user:alice"), query: "document" })).toEqual([]);
  });

  it("RE-2 lists nothing for a token that the policy blocks, or whose user has left the organization", async () => {
    const { admin, storeId } = patwarden.openfga;
    const member = { user: "user:alice", relation: "member", object: `organization:for-${name}` };
    await admin.writeTuples(storeId, [member]);
    const { token } = await patwarden.createToken({ organization: member.object });
    const request = ofToken(token.id);
    expect((await whole(request)).length).toBeGreaterThan(10);
    const scope = member.object;
    const update = async (policy: object, paths: string[]) =>
      patwarden.ask(PolicyService.method.updatePolicy, { policy: { scope, ...policy }, updateMask: { paths } });
    await update({ forbidFull: true }, ["forbid_full"]);
    expect(await whole(request)).toEqual([]);
    await update({ allowedActions: ["editor"] }, ["forbid_full", "allowed_actions"]);
    expect(await whole(request)).toEqual([]);
    expect((await whole({ ...request, action: "editor" })).length).toBeGreaterThan(0);
    await patwarden.ask(PolicyService.method.deletePolicy, { scope });
    await admin.deleteTuples(storeId, [member]);
    expect(await whole(request)).toEqual([]);
  });

  it("lists what a revoked or pending token would reach, so that a reviewer sees it", async () => {
    const { token } = await patwarden.createToken();
    await patwarden.ask(TokenService.method.revokeToken, { id: token.id });
    expect((await whole(ofToken(token.id))).length).toBeGreaterThan(10);
  });

  it("RE-3 is for those who may see the subject or the token", async () => {
    const own = await patwarden.createToken();
    const bound = await patwarden.createToken({ organization: "organization:acme" });
    const asked = [
      ...[ofSubject("user:alice"), ofSubject("organization:acme"), ofToken(own.token.id), ofToken(bound.token.id)],
      ofToken("tok_01h455vb4pex5vsknk084sn02q"),
    ];
    const outcomes = (settings: CallSettings): Promise<readonly unknown[]> =>
      Promise.all(
        asked.map(async (request) => {
          const reply = await patwarden.port.call(listReachable, { ...wanted, ...request }, settings);
          return reply.ok ? "ok" : reply.reason;
        }),
      );
    const no = "NOT_FOUND";
    expect(await outcomes(await as("alice"))).toEqual(["ok", no, "ok", "ok", no]);
    expect(await outcomes(await as("bob"))).toEqual([no, "ok", no, "ok", no]);
    expect(await outcomes(await as("carol"))).toEqual([no, no, no, no, no]);
    expect(await outcomes(await as("root", { roles: ["patwarden-admin"] }))).toEqual(["ok", "ok", "ok", "ok", no]);
    expect(await outcomes({ key: keys.reader })).toEqual(["ok", "ok", "ok", "ok", no]);
    expect(await outcomes({ key: keys.narrowed })).toEqual(["ok", no, "ok", "ok", no]);
    expect(new Set(await outcomes({ key: keys.idle }))).toEqual(new Set(["CALLER_FORBIDDEN"]));
    expect(new Set(await outcomes({ key: own.secret }))).toEqual(new Set(["CALLER_FORBIDDEN"]));
    expect(new Set(await outcomes({ key: null }))).toEqual(new Set(["CALLER_UNAUTHENTICATED"]));
  });

  it("RE-4 accepts a page token only for the caller and the request that it was made for", async () => {
    const request = { ...wanted, ...ofSubject("user:alice"), pageSize: 3 };
    const { nextPageToken: pageToken } = await page(request);
    expect((await page({ ...request, pageToken, pageSize: 5 })).resources).toHaveLength(5);
    for (const other of [
      { action: "editor" },
      { query: "few" },
      ofSubject("user:many"),
      { grant: {} },
      { pageToken: `${pageToken}x` },
    ]) {
      const refused = await patwarden.refused(listReachable, { ...request, pageToken, ...other });
      expect([refused.reason, refused.fields]).toEqual(["PAGE_TOKEN_INVALID", ["page_token"]]);
    }
    const reader = { key: keys.reader };
    const refused = await patwarden.refused(listReachable, { ...request, pageToken }, reader);
    expect(refused.reason).toBe("PAGE_TOKEN_INVALID");
  });

  it("fails while OpenFGA is down: no list is better than a wrong one", async () => {
    patwarden.faults.openfga.cut();
    try {
      for (const request of [ofSubject("user:alice"), ofToken(patwarden.alice.token.id)]) {
        const refused = await patwarden.refused(listReachable, { ...wanted, ...request });
        expect(refused.reason).toBe("OPENFGA_UNAVAILABLE");
      }
    } finally {
      patwarden.faults.openfga.heal();
    }
  });

  it.each<[string, Request, string, string]>([
    ["no subject of a service", {}, "INVALID_FIELD", "subject"],
    ["a userset", ofSubject("organization:acme#member"), "INVALID_FIELD", "subject"],
    ["a subject of another type", ofSubject("document:a"), "INVALID_FIELD", "subject"],
    ["an id that is none", ofToken("tok_x"), "INVALID_FIELD", "token_id"],
    ["a grant for a token", { ...ofToken("tok_01h455vb4pex5vsknk084sn02q"), grant: {} }, "INVALID_FIELD", "grant"],
    ["no type", { ...ofSubject("user:alice"), type: "" }, "INVALID_FIELD", "type"],
    ["no action", { ...ofSubject("user:alice"), action: "" }, "INVALID_FIELD", "action"],
    ["a long query", { ...ofSubject("user:alice"), query: "x".repeat(101) }, "INVALID_FIELD", "query"],
    ["a page that is too large", { ...ofSubject("user:alice"), pageSize: 1001 }, "INVALID_FIELD", "page_size"],
    ["a type that the model does not have", { ...ofSubject("user:alice"), type: "folder" }, "UNKNOWN_TYPE", "type"],
    ["an action that the type lacks", { ...ofSubject("user:alice"), action: "owner" }, "UNKNOWN_ACTION", "action"],
  ])("refuses %s", async (_what, request, reason, field) => {
    const refused = await patwarden.refused(listReachable, { ...wanted, ...request });
    expect([refused.reason, refused.fields]).toEqual([reason, [field]]);
  });
});
