import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuditEvent, AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { exceptUse, grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** By examples/direct, bob administers acme, alice is a member of it, and carol has no relation to it. */

const acme = "organization:acme";
const keys = { policies: newKey(), ofOrganizations: newKey() };
let issuer: TestIssuer;
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  issuer = await startTestIssuer();
  const trusted = { issuer: issuer.url, audiences: [issuer.audience] };
  engines = await startOnEngines({
    config: {
      issuers: [{ ...trusted, admin: { claim: "roles", value: "patwarden-admin" } }],
      limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
    },
    callers: [
      { name: "policies", key_sha256: [hashOf(keys.policies)], permissions: ["policies"] },
      {
        ...{
          name: "of-organizations",
          key_sha256: [hashOf(keys.ofOrganizations)],
          permissions: ["policies", "tokens.read"],
        },
        subjects: ["organization:*"],
      },
    ],
  });
});
afterAll(async () => {
  await engines.stop();
  await issuer.stop();
});

describe.each(grid)("over $port on $engine", ({ port, engine }) => {
  let patwarden: Patwarden;
  let people: Readonly<Record<"alice" | "bob" | "carol" | "root", CallSettings>>;
  beforeAll(async () => {
    patwarden = engines[engine].over(port);
    const signIn = async (sub: string, claims: object = {}) => ({ key: await issuer.sign({ sub, ...claims }) });
    people = {
      alice: await signIn("alice"),
      bob: await signIn("bob"),
      carol: await signIn("carol"),
      root: await signIn("root", { roles: ["patwarden-admin"] }),
    };
  });

  const { listAuditEvents } = AuditService.method;
  const events = async (request: object, settings?: CallSettings): Promise<readonly AuditEvent[]> =>
    (await patwarden.ask(listAuditEvents, request, settings)).events;
  const told = (found: readonly AuditEvent[]) => found.map(({ action, actor }) => `${action} ${actor}`);
  const whence = (found: readonly AuditEvent[]) =>
    Object.fromEntries(found.map(({ actor, clientIp }) => [actor, clientIp !== ""]));

  /** A token of alice for acme with a history: made by alice, suspended by bob, resumed by a service. */
  const boundToken = async () => {
    const { token, secret } = await patwarden.createToken({ subject: "", organization: acme }, people.alice);
    const id = token.id;
    await patwarden.ask(TokenService.method.suspendToken, { id, comment: "look" }, people.bob);
    await patwarden.ask(TokenService.method.resumeToken, { id });
    return { id, secret };
  };
  const whole = ["token.resumed service:admin", "token.suspended user:bob", "token.created user:alice"];

  it("shows the history of a token to its holder, without the addresses of others", async () => {
    const { id, secret } = await boundToken();
    const seen = await events({ tokenId: id }, people.alice);
    expect(told(seen)).toEqual(whole);
    expect(whence(seen)).toEqual({ "user:alice": true, "user:bob": false, "service:admin": false });
    // The holder of the token may know who else has its secret.
    await patwarden.ask(TokenService.method.revokeToken, {}, { key: secret });
    const [last] = await events({ tokenId: id, actions: ["token.revoked"] }, people.alice);
    expect(last).toMatchObject({ actor: `token:${id}`, clientIp: "127.0.0.1" });
  });

  it("shows it to an administrator of the organization, with the addresses of people, and to nobody else", async () => {
    const { id } = await boundToken();
    const seen = await events({ tokenId: id }, people.bob);
    expect(told(seen)).toEqual(whole);
    expect(whence(seen)).toEqual({ "user:alice": true, "user:bob": true, "service:admin": false });
    for (const settings of [undefined, people.root]) {
      expect(whence(await events({ tokenId: id }, settings))).toEqual({
        "user:alice": true,
        "user:bob": true,
        "service:admin": true,
      });
    }
    const refused = await patwarden.refused(listAuditEvents, { tokenId: id }, people.carol);
    const missing = { tokenId: "tok_01h455vb4pex5vsknk084sn02q" };
    expect(refused).toMatchObject({ reason: "NOT_FOUND" });
    const unknown = await patwarden.refused(listAuditEvents, missing, people.carol);
    expect([unknown.reason, unknown.message]).toEqual([refused.reason, refused.message]);
    // The call of carol is on record, but not for the holder.
    expect(told(await events({ tokenId: id }, people.alice))).toEqual(whole);
  });

  it("lists what happened in an organization: its tokens, those bound to it, its policy and itself", async () => {
    const organization = `organization:${crypto.randomUUID()}`;
    const tuples = [
      { user: "user:bob", relation: "admin", object: organization },
      { user: "user:alice", relation: "member", object: organization },
    ];
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, tuples);
    const own = await patwarden.createToken({ subject: organization }, people.bob);
    const bound = await patwarden.createToken({ subject: "", organization }, people.alice);
    await patwarden.createToken({ subject: "" }, people.alice);
    const policy = { scope: organization, forbidFull: true };
    await patwarden.ask(
      PolicyService.method.updatePolicy,
      { policy, updateMask: { paths: ["forbid_full"] } },
      people.bob,
    );
    await patwarden.ask(SubjectService.method.deleteSubject, { subject: organization });
    const seen = await events({ organization }, people.bob);
    expect(seen.map(({ action, tokenId }) => [action, tokenId])).toEqual([
      ["token.revoked", bound.token.id],
      ["token.revoked", own.token.id],
      ["subject.deleted", ""],
      ["policy.changed", ""],
      ["token.created", bound.token.id],
      ["token.created", own.token.id],
    ]);
    const of = async (request: object) => told(await events({ organization, ...request }, people.bob));
    expect(await of({ actions: ["policy.changed", "policy.loosened"] })).toEqual(["policy.changed user:bob"]);
    expect(await of({ tokenId: bound.token.id })).toEqual(["token.revoked service:admin", "token.created user:alice"]);
    expect(await of({ actor: "user:alice" })).toEqual(["token.created user:alice"]);
    for (const settings of [people.alice, people.carol]) {
      expect(await patwarden.refused(listAuditEvents, { organization }, settings)).toMatchObject({
        reason: "NOT_FOUND",
      });
    }
    const pages = { organization, pageSize: 1, actions: ["token.revoked", "token.created"] };
    const first = await patwarden.ask(listAuditEvents, pages, people.bob);
    const second = { ...pages, pageToken: first.nextPageToken, actions: [...pages.actions].reverse() };
    expect((await events(second, people.bob)).map(({ tokenId }) => tokenId)).toEqual([own.token.id]);
    expect(await patwarden.refused(listAuditEvents, second)).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
  });

  describe("a token that needs approval", () => {
    const { createToken, getToken, updateToken, approveToken, rotateToken } = TokenService.method;
    let organization: string;
    beforeAll(async () => {
      organization = `organization:${crypto.randomUUID()}`;
      const tuples = ["bob", "dave"].map((name) => ({ user: `user:${name}`, relation: "admin", object: organization }));
      await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, tuples);
      for (const scope of ["organization", organization]) {
        const policy = { scope, requireApproval: scope === organization, allowSelfRotation: true };
        const updateMask = { paths: ["require_approval", "allow_self_rotation"] };
        await patwarden.ask(PolicyService.method.updatePolicy, { policy, updateMask });
      }
    });

    const viewer = (...resources: string[]) => ({ rules: [{ actions: ["viewer"], resources }] });
    const shown = async (id: string) => (await patwarden.ask(getToken, { id })).token;
    const change = (id: string, facts: object, paths: string[], settings: CallSettings = people.bob, more = {}) =>
      patwarden.ask(updateToken, { token: { id, ...facts }, updateMask: { paths }, ...more }, settings);
    const approve = async (id: string, comment: string) => {
      const dave = { key: await issuer.sign({ sub: "dave" }) };
      await patwarden.ask(approveToken, { id, comment, etag: (await shown(id))?.etag ?? "" }, dave);
    };
    const approvedToken = async () => {
      const made = { subject: organization, grant: viewer("document:1"), allowedCidrs: ["10.0.0.0/8"] };
      const { token } = await patwarden.createToken({ ...made, justification: "for the migration" }, people.bob);
      expect(token).toMatchObject({ justification: "for the migration", usable: Reason.TOKEN_PENDING_APPROVAL });
      expect(token.approvedBefore).toBeUndefined();
      await approve(token.id, "fine");
      return token;
    };

    it("shows the last approval while it waits for another", async () => {
      const { id, expireTime } = await approvedToken();
      expect((await shown(id))?.approvedBefore).toBeUndefined();
      const wider = viewer("document:1", "document:2");
      await change(id, { allowedCidrs: ["10.1.0.0/16"] }, ["allowed_cidrs"]);
      await change(id, { grant: wider, justification: "a second one" }, ["grant", "justification"]);
      const pending = await shown(id);
      expect(pending).toMatchObject({ grant: wider, justification: "a second one", allowedCidrs: ["10.1.0.0/16"] });
      // As it was approved, not as it was when it was widened.
      const before = {
        ...{ grant: viewer("document:1"), allowedCidrs: ["10.0.0.0/8"], expireTime },
        ...{ neverExpires: false, selfRotate: false, approval: { decidedBy: "user:dave", comment: "fine" } },
      };
      expect(pending?.approvedBefore).toMatchObject(before);
      // A second change, and a rotation, leave it as it is.
      await change(id, { neverExpires: true, selfRotate: true }, ["never_expires", "self_rotate"]);
      await patwarden.ask(rotateToken, { id }, people.bob);
      expect((await shown(id))?.approvedBefore).toMatchObject(before);
      await approve(id, "fine again");
      expect(await shown(id)).toMatchObject({ approval: { comment: "fine again" }, usable: Reason.ALLOWED });
      expect((await shown(id))?.approvedBefore).toBeUndefined();
      await change(id, { grant: { full: true } }, ["grant"]);
      expect((await shown(id))?.approvedBefore).toMatchObject({
        ...{ grant: wider, neverExpires: true, selfRotate: true, approval: { comment: "fine again" } },
      });
    });

    it("is shown as it would be, and stays as it is", async () => {
      const { id } = await approvedToken();
      const before = await shown(id);
      const trail = told(await events({ tokenId: id }));
      const facts = { name: "next", grant: viewer("document:1", "document:2") };
      const planned = await change(id, facts, ["name", "grant"], people.bob, { validateOnly: true });
      expect(planned.token).toMatchObject({
        ...facts,
        ...{ state: Token_State.PENDING_APPROVAL, usable: Reason.TOKEN_PENDING_APPROVAL, etag: before?.etag },
        approvedBefore: { grant: viewer("document:1"), approval: { comment: "fine" } },
      });
      expect(exceptUse(await shown(id))).toEqual(exceptUse(before));
      expect(told(await events({ tokenId: id }))).toEqual(trail);
      const unchanged = await change(id, { name: before?.name }, ["name"], people.bob, { validateOnly: true });
      expect(exceptUse(unchanged.token)).toEqual(exceptUse(before));
      // Refused as the change itself is, and the etag of the plan is that of the token.
      for (const validateOnly of [true, false]) {
        const tried = async (token: object, paths: string[], settings: CallSettings = people.bob) => {
          const request = { token: { id, ...token }, updateMask: { paths }, validateOnly };
          const { reason, fields, metadata } = await patwarden.refused(updateToken, request, settings);
          return { reason, fields, metadata };
        };
        expect(await tried({ grant: viewer("nothing:1") }, ["grant"])).toMatchObject({ reason: "UNKNOWN_TYPE" });
        expect(await tried({ name: "x", etag: "old" }, ["name"])).toMatchObject({ reason: "ETAG_MISMATCH" });
        expect(await tried({ name: "" }, ["name"])).toMatchObject({ fields: ["token.name"] });
        expect(await tried({ name: "x" }, ["name"], people.carol)).toMatchObject({ reason: "NOT_FOUND" });
      }
      await change(id, { ...facts, etag: planned.token?.etag }, ["name", "grant"]);
    });

    it("has a justification that is limited, audited and part of the request", async () => {
      const base = { subject: organization, name: "n", grant: { full: true } };
      const refused = async (justification: string) =>
        (await patwarden.refused(createToken, { ...base, justification }, people.bob)).fields;
      expect(await refused("x".repeat(501))).toEqual(["justification"]);
      expect(await refused(patwarden.alice.secret)).toEqual(["justification"]);
      const request = { ...base, justification: "one", requestId: crypto.randomUUID() };
      const { token } = await patwarden.ask(createToken, request, people.bob);
      const id = token?.id ?? "";
      expect(await patwarden.refused(createToken, { ...request, justification: "two" }, people.bob)).toMatchObject({
        reason: "REQUEST_ID_REUSED",
      });
      const long = { token: { id, justification: "x".repeat(501) }, updateMask: { paths: ["justification"] } };
      expect((await patwarden.refused(updateToken, long, people.bob)).fields).toEqual(["token.justification"]);
      const changed = await change(id, { justification: "three" }, ["justification"]);
      expect(changed.token?.etag).not.toBe(token?.etag);
      const [updated, made] = await events({ tokenId: id });
      expect(updated?.details).toMatchObject({ "justification.before": "one", "justification.after": "three" });
      expect(made?.details).toMatchObject({ "justification.after": "one" });
    });

    it("names the newest tokens that a change of the policy blocks", async () => {
      const ids: string[] = [];
      for (let index = 0; index < 3; index++) {
        const { token } = await patwarden.createToken({ subject: organization }, people.bob);
        ids.unshift(token.id);
      }
      const rules = await patwarden.createToken({ subject: organization, grant: viewer("document:1") }, people.bob);
      const request = { policy: { scope: organization, forbidFull: true }, updateMask: { paths: ["forbid_full"] } };
      const { updatePolicy } = PolicyService.method;
      const preview = await patwarden.ask(updatePolicy, { ...request, validateOnly: true }, people.bob);
      expect(preview.blockedTokenIds.slice(0, 3)).toEqual(ids);
      expect(preview.blockedTokenIds).not.toContain(rules.token.id);
      expect(preview.blockedTokens).toBe(preview.blockedTokenIds.length);
      const real = await patwarden.ask(updatePolicy, request, people.bob);
      expect(real.blockedTokenIds).toEqual(preview.blockedTokenIds);
      expect((await shown(ids[0] ?? ""))?.id).toBe(ids[0]);
      expect((await patwarden.ask(updatePolicy, request, people.bob)).blockedTokenIds).toEqual([]);
    });

    it("names no blocked token that the caller may not read, and counts it all the same", async () => {
      const member = { user: "user:alice", relation: "member", object: organization };
      await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [member]);
      const grant = viewer("document:1");
      const own = (await patwarden.createToken({ subject: organization, grant }, people.bob)).token.id;
      const bound = (await patwarden.createToken({ subject: "", organization, grant }, people.alice)).token.id;
      const preview = (settings: CallSettings) =>
        patwarden.ask(
          PolicyService.method.updatePolicy,
          {
            policy: { scope: organization, blockAll: true },
            updateMask: { paths: ["block_all"] },
            validateOnly: true,
          },
          settings,
        );
      const whole = await preview(people.bob);
      expect(whole.blockedTokenIds.slice(0, 2)).toEqual([bound, own]);
      const { blockedTokens } = whole;
      expect(await preview({ key: keys.policies })).toMatchObject({ blockedTokens, blockedTokenIds: [] });
      const ofOrganizations = await preview({ key: keys.ofOrganizations });
      expect(ofOrganizations.blockedTokens).toBe(blockedTokens);
      expect(ofOrganizations.blockedTokenIds).toContain(own);
      expect(ofOrganizations.blockedTokenIds).not.toContain(bound);
    });
  });

  it("asks users for a token or an organization, and lets only administrators look for a secret", async () => {
    expect(await patwarden.refused(listAuditEvents, { actor: "user:alice" }, people.alice)).toMatchObject({
      reason: "INVALID_FIELD",
      fields: ["token_id"],
    });
    const { id, secret } = await boundToken();
    const secretSha256 = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(secret))).toString("hex");
    expect(await patwarden.refused(listAuditEvents, { tokenId: id, secretSha256 }, people.alice)).toMatchObject({
      reason: "CALLER_FORBIDDEN",
    });
    expect(told(await events({ secretSha256 }, people.root))).toEqual(whole);
  });
});
