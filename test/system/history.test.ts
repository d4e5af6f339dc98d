import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuditEvent, AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";

/** By examples/direct, bob administers acme, alice is a member of it, and carol has no relation to it. */

const acme = "organization:acme";
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
