import { randomUUID } from "node:crypto";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { Subject_State, SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { encodeSecret } from "../../src/domain/secret.js";
import { exceptUse, grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

const { check, introspect } = AuthorizationService.method;
const tokens = TokenService.method;
const subjects = SubjectService.method;
const policies = PolicyService.method;

const keys = { maker: newKey(), approver: newKey() };
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  const settings = {
    callers: [
      {
        name: "maker",
        key_sha256: [hashOf(keys.maker)],
        permissions: ["tokens.impersonate", "tokens.read", "tokens.approve"],
      },
      { name: "approver", key_sha256: [hashOf(keys.approver)], permissions: ["tokens.approve", "tokens.read"] },
    ],
  };
  engines = await startOnEngines(settings);
});
afterAll(async () => {
  await engines.stop();
});

const viewDocuments = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };
const day = 86_400n;

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });

  const ask: Patwarden["ask"] = (...asked) => patwarden.ask(...asked);
  const refusal = async <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ) => {
    const { code, reason, metadata } = await patwarden.refused(method, request, settings);
    return { code, reason, metadata };
  };
  /** Returns a new subject for one test, so that tests do not affect each other. */
  const fresh = (kind: "user" | "organization" = "user") => `${kind}:${randomUUID()}`;
  /** Makes a user of an organization for one test; both may view document:roadmap. */
  const member = async () => {
    const subject = fresh();
    const organization = fresh("organization");
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
      { user: subject, relation: "member", object: organization },
      ...[subject, organization].map((user) => ({ user, relation: "viewer", object: "document:roadmap" })),
    ]);
    return { subject, organization };
  };
  const setPolicy = (scope: string, policy: object, paths: string[], more: object = {}) =>
    ask(policies.updatePolicy, { policy: { scope, ...policy }, updateMask: { paths }, ...more });
  const changeToken = (id: string, over: object, path: string) =>
    ask(tokens.updateToken, { token: { id, ...over }, updateMask: { paths: [path] } });
  /** Makes a token that waits for approval: of the organization, or of its user and bound to it. */
  const pendingFor = async ({ subject, organization }: { subject: string; organization: string }) => {
    await setPolicy(organization, { requireApproval: true }, ["require_approval"]);
    const issued = await patwarden.createToken({ subject, ...(subject !== organization && { organization }) });
    await ask(policies.deletePolicy, { scope: organization });
    return issued;
  };
  const fromNow = (seconds: bigint) => ({ seconds: BigInt(Math.floor(Date.now() / 1000)) + seconds });

  describe("rotation", () => {
    it("RO-2 without grace denies the old secret at once; the token stays the same", async () => {
      const { token, secret } = await patwarden.createToken();
      const rotated = await ask(tokens.rotateToken, { id: token.id });
      expect(rotated.token).toMatchObject({ id: token.id, grant: token.grant, expireTime: token.expireTime });
      expect(rotated.secret).not.toBe(secret);
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_SUPERSEDED);
      expect(await patwarden.check(rotated.secret)).toBe(Reason.ALLOWED);
      expect(rotated.token?.secrets.map(({ current }) => current)).toEqual([true, false]);
    });

    it("RO-3 with grace lets both work, never past the old end; RevokeSecret ends it early", async () => {
      const { token, secret } = await patwarden.createToken({ lifetime: { case: "ttl", value: { seconds: 3600n } } });
      const rotated = await ask(tokens.rotateToken, { id: token.id, grace: { seconds: 7n * day } });
      expect([await patwarden.check(secret), await patwarden.check(rotated.secret)]).toEqual([
        Reason.ALLOWED,
        Reason.ALLOWED,
      ]);
      const [current, old] = rotated.token?.secrets ?? [];
      expect(old?.expireTime).toEqual(token.expireTime);
      expect(await refusal(tokens.revokeSecret, { tokenId: token.id, secretId: current?.id ?? "" })).toMatchObject({
        reason: "STATE_CONFLICT",
      });
      for (let round = 0; round < 2; round++) {
        await ask(tokens.revokeSecret, { tokenId: token.id, secretId: old?.id ?? "" });
        expect([await patwarden.check(secret), await patwarden.check(rotated.secret)]).toEqual([
          Reason.TOKEN_SUPERSEDED,
          Reason.ALLOWED,
        ]);
      }
    });

    it("S17 one of many rotations that saw the same token wins; the others are a conflict and end nothing", async () => {
      const { token, secret } = await patwarden.createToken();
      const settled = await Promise.all(
        Array.from({ length: 20 }, () => patwarden.port.call(tokens.rotateToken, { id: token.id, etag: token.etag })),
      );
      const won = settled.flatMap((reply) => (reply.ok ? [reply.value.secret] : []));
      const lost = settled.flatMap((reply) => (reply.ok ? [] : [`${reply.code} ${reply.reason}`]));
      expect(won).toHaveLength(1);
      expect(new Set(lost)).toEqual(new Set(["ABORTED ETAG_MISMATCH"]));
      expect(await patwarden.check(won[0] ?? "")).toBe(Reason.ALLOWED);
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_SUPERSEDED);
      // The caller that has seen the new secret may rotate again.
      expect((await ask(tokens.rotateToken, { id: token.id })).token?.secrets).toHaveLength(3);
    });

    it("keeps at most two usable secrets: a second rotation ends the oldest", async () => {
      const { token, secret } = await patwarden.createToken();
      const grace = { seconds: day };
      const second = (await ask(tokens.rotateToken, { id: token.id, grace })).secret;
      const third = (await ask(tokens.rotateToken, { id: token.id, grace })).secret;
      expect(await Promise.all([secret, second, third].map((text) => patwarden.check(text)))).toEqual([
        Reason.TOKEN_SUPERSEDED,
        Reason.ALLOWED,
        Reason.ALLOWED,
      ]);
    });

    it("accepts a new end, refuses invalid ones, and does not revive an ended secret", async () => {
      const { token } = await patwarden.createToken();
      const endless = await ask(tokens.rotateToken, { id: token.id, lifetime: { case: "neverExpires", value: true } });
      expect(endless.token).toMatchObject({ neverExpires: true });
      for (const request of [
        { grace: { seconds: -1n } },
        { grace: { seconds: 7n * day + 1n } },
        { lifetime: { case: "neverExpires", value: false } },
        { lifetime: { case: "ttl", value: { seconds: 0n } } },
        { requestId: "x" },
      ] as const) {
        expect(await refusal(tokens.rotateToken, { id: token.id, ...request })).toMatchObject({
          reason: "INVALID_FIELD",
        });
      }
      await ask(tokens.revokeToken, { id: token.id });
      expect(await refusal(tokens.rotateToken, { id: token.id })).toMatchObject({
        reason: "STATE_CONFLICT",
        metadata: { state: "REVOKED" },
      });
    });
  });

  it("RO-4 the use of a superseded secret ends the token where the policy says so", async () => {
    const scope = fresh("organization");
    await ask(policies.updatePolicy, {
      policy: { scope, revokeOnReuse: true },
      updateMask: { paths: ["revoke_on_reuse"] },
    });
    const { token, secret } = await patwarden.createToken({ subject: scope });
    const rotated = await ask(tokens.rotateToken, { id: token.id });
    expect(await patwarden.check(rotated.secret)).toBe(Reason.NOT_PERMITTED);
    expect([Reason.TOKEN_SUPERSEDED, Reason.TOKEN_REVOKED]).toContain(await patwarden.check(secret));
    // Written in the background.
    await expect
      .poll(() => patwarden.check(rotated.secret), { timeout: 10_000, interval: 20 })
      .toBe(Reason.TOKEN_REVOKED);
    expect((await ask(tokens.getToken, { id: token.id })).token?.revocationReason).toBe(
      RevocationReason.REUSE_DETECTED,
    );
  });

  describe("request_id", () => {
    it("gives a repeat the same token and secret, and refuses another request under it", async () => {
      const requestId = randomUUID();
      const request = { subject: fresh(), metadata: { a: "1", b: "2" }, requestId };
      const first = await patwarden.createToken(request);
      const again = await patwarden.createToken({ ...request, metadata: { b: "2", a: "1" } });
      expect([again.token.id, again.secret]).toEqual([first.token.id, first.secret]);
      expect(await refusal(tokens.createToken, { ...request, name: "other" })).toEqual({
        code: "ALREADY_EXISTS",
        reason: "REQUEST_ID_REUSED",
        metadata: { tokenId: first.token.id },
      });
      // The same request id of another caller is a different one.
      expect((await patwarden.createToken(request, { key: keys.maker })).token.id).not.toBe(first.token.id);
    });

    it("makes one token of many at the same time, and one rotation", async () => {
      const requestId = randomUUID();
      const request = { subject: fresh(), requestId };
      const made = await Promise.all(Array.from({ length: 8 }, () => patwarden.createToken(request)));
      expect(new Set(made.map(({ token, secret }) => `${token.id} ${secret}`)).size).toBe(1);
      const id = made[0]?.token.id ?? "";
      const rotation = { id, requestId: randomUUID() };
      const rotated = await Promise.all(Array.from({ length: 8 }, () => ask(tokens.rotateToken, rotation)));
      expect(new Set(rotated.map(({ secret }) => secret)).size).toBe(1);
      expect((await ask(tokens.getToken, { id })).token?.secrets).toHaveLength(2);
    });
  });

  describe("update", () => {
    const update = (token: object, paths: string[], settings?: CallSettings) =>
      ask(tokens.updateToken, { token, updateMask: { paths } }, settings);

    it("changes what the mask names and nothing else, under a fresh etag", async () => {
      const { token } = await patwarden.createToken({ metadata: { note: "kept" } });
      const renamed = await update({ id: token.id, etag: token.etag, name: "renamed", metadata: {} }, ["name"]);
      expect(renamed.token).toMatchObject({ name: "renamed", metadata: { note: "kept" } });
      expect(renamed.token?.etag).not.toBe(token.etag);
      expect(
        await refusal(tokens.updateToken, {
          token: { id: token.id, etag: token.etag, name: "late" },
          updateMask: { paths: ["name"] },
        }),
      ).toMatchObject({ code: "ABORTED", reason: "ETAG_MISMATCH" });
      expect((await ask(tokens.getToken, { id: token.id })).token?.name).toBe("renamed");
    });

    it("narrows at once: grant, networks, end", async () => {
      const { token, secret } = await patwarden.createToken();
      await update({ id: token.id, grant: { rules: [{ actions: ["editor"], resources: ["document:other"] }] } }, [
        "grant",
      ]);
      expect(await patwarden.check(secret)).toBe(Reason.NOT_GRANTED);
      await update({ id: token.id, grant: { full: true }, allowedCidrs: ["192.0.2.0/24"] }, ["grant", "allowed_cidrs"]);
      expect(await patwarden.check(secret)).toBe(Reason.NETWORK_NOT_ALLOWED);
      await update({ id: token.id, allowedCidrs: [] }, ["allowed_cidrs"]);
      expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
      const soon = { seconds: BigInt(Math.floor(Date.now() / 1000)) - 1n };
      await update({ id: token.id, expireTime: soon }, ["expire_time"]);
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_EXPIRED);
    });

    it("refuses `*`, unknown and immutable paths, an empty mask, and bad values", async () => {
      const { token } = await patwarden.createToken();
      for (const [paths, over] of [
        [[], {}],
        [["*"], {}],
        [["subject"], { subject: "user:bob" }],
        [["organization"], {}],
        [["state"], {}],
        [["name"], { name: " " }],
        [["expire_time"], {}],
        [["never_expires"], {}],
        [["grant"], { grant: { full: true, ...viewDocuments } }],
        [["__proto__"], {}],
      ] as const) {
        const request = { token: { id: token.id, ...over }, updateMask: { paths: [...paths] } };
        // JSON cannot even express some of these paths.
        const { code } = await refusal(
          tokens.updateToken,
          request as MessageInitShape<typeof tokens.updateToken.input>,
        ).catch(() => ({ code: "INVALID_ARGUMENT" }));
        expect(code, JSON.stringify(paths)).toBe("INVALID_ARGUMENT");
      }
      expect((await ask(tokens.getToken, { id: token.id })).token).toEqual(token);
    });
  });

  describe("the next Check", () => {
    const elsewhere = { grant: { rules: [{ actions: ["editor"], resources: ["document:other"] }] } };
    const everything = { grant: { full: true } };
    const viewing = (user: string) => ({ user, relation: "viewer", object: "document:roadmap" });
    type Apply = (id: string, subject: string) => Promise<unknown>;

    const taking: readonly (readonly [what: string, apply: Apply, reason: Reason])[] = [
      ["suspended", (id) => ask(tokens.suspendToken, { id }), Reason.TOKEN_SUSPENDED],
      ["revoked", (id) => ask(tokens.revokeToken, { id }), Reason.TOKEN_REVOKED],
      ["rotated", (id) => ask(tokens.rotateToken, { id }), Reason.TOKEN_SUPERSEDED],
      [
        "revoked with others",
        (_id, value) => ask(tokens.revokeTokens, { target: { case: "subject", value } }),
        Reason.TOKEN_REVOKED,
      ],
      ["ended", (id) => changeToken(id, { expireTime: fromNow(-1n) }, "expire_time"), Reason.TOKEN_EXPIRED],
      ["put off", (id) => changeToken(id, { notBefore: fromNow(60n) }, "not_before"), Reason.TOKEN_NOT_YET_VALID],
      ["narrowed", (id) => changeToken(id, elsewhere, "grant"), Reason.NOT_GRANTED],
      [
        "kept to a network",
        (id) => changeToken(id, { allowedCidrs: ["192.0.2.0/24"] }, "allowed_cidrs"),
        Reason.NETWORK_NOT_ALLOWED,
      ],
      ["out of policy", (_id, scope) => setPolicy(scope, { blockAll: true }, ["block_all"]), Reason.POLICY],
      ["of a disabled subject", (_id, subject) => ask(subjects.disableSubject, { subject }), Reason.SUBJECT_DISABLED],
      ["of a deleted subject", (_id, subject) => ask(subjects.deleteSubject, { subject }), Reason.TOKEN_REVOKED],
      [
        "without its relationship",
        (_id, subject) => patwarden.openfga.admin.deleteTuples(patwarden.openfga.storeId, [viewing(subject)]),
        Reason.NOT_PERMITTED,
      ],
    ];

    it("RV-6 denies a token that was allowed and is now suspended, revoked, rotated, or less in any other way", async () => {
      for (const [what, apply, reason] of taking) {
        const { organization: subject } = await member();
        const { token, secret } = await patwarden.createToken({ subject });
        const before = [await patwarden.check(secret), await patwarden.check(secret)];
        await apply(token.id, subject);
        expect([...before, await patwarden.check(secret)], what).toEqual([Reason.ALLOWED, Reason.ALLOWED, reason]);
      }
    });

    const approve: Apply = async (id) => {
      const etag = (await ask(tokens.getToken, { id })).token?.etag ?? "";
      return ask(tokens.approveToken, { id, etag }, { key: keys.approver });
    };
    const widenWhereApprovalIsNeeded: Apply = async (id, scope) => {
      await changeToken(id, elsewhere, "grant");
      await setPolicy(scope, { requireApproval: true }, ["require_approval"]);
      await changeToken(id, everything, "grant");
    };
    const giving: readonly (readonly [what: string, take: Apply, reason: Reason, give: Apply])[] = [
      [
        "resumed",
        (id) => ask(tokens.suspendToken, { id }),
        Reason.TOKEN_SUSPENDED,
        (id) => ask(tokens.resumeToken, { id }),
      ],
      [
        "prolonged",
        (id) => changeToken(id, { expireTime: fromNow(-1n) }, "expire_time"),
        Reason.TOKEN_EXPIRED,
        (id) => changeToken(id, { expireTime: fromNow(60n) }, "expire_time"),
      ],
      [
        "begun",
        (id) => changeToken(id, { notBefore: fromNow(60n) }, "not_before"),
        Reason.TOKEN_NOT_YET_VALID,
        (id) => changeToken(id, {}, "not_before"),
      ],
      [
        "widened",
        (id) => changeToken(id, elsewhere, "grant"),
        Reason.NOT_GRANTED,
        (id) => changeToken(id, everything, "grant"),
      ],
      [
        "let into every network",
        (id) => changeToken(id, { allowedCidrs: ["192.0.2.0/24"] }, "allowed_cidrs"),
        Reason.NETWORK_NOT_ALLOWED,
        (id) => changeToken(id, {}, "allowed_cidrs"),
      ],
      [
        "within policy",
        (_id, scope) => setPolicy(scope, { blockAll: true }, ["block_all"]),
        Reason.POLICY,
        (_id, scope) => ask(policies.deletePolicy, { scope }),
      ],
      ["approved", widenWhereApprovalIsNeeded, Reason.TOKEN_PENDING_APPROVAL, approve],
      [
        "of an enabled subject",
        (_id, subject) => ask(subjects.disableSubject, { subject }),
        Reason.SUBJECT_DISABLED,
        (_id, subject) => ask(subjects.enableSubject, { subject }),
      ],
      [
        "of a subject with a relationship",
        (_id, subject) => patwarden.openfga.admin.deleteTuples(patwarden.openfga.storeId, [viewing(subject)]),
        Reason.NOT_PERMITTED,
        (_id, subject) => patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [viewing(subject)]),
      ],
    ];

    it("RV-15 allows a token that was denied and is now resumed, widened, approved, or more in any other way", async () => {
      for (const [what, take, reason, give] of giving) {
        const { organization: subject } = await member();
        const { token, secret } = await patwarden.createToken({ subject });
        await take(token.id, subject);
        const before = [await patwarden.check(secret), await patwarden.check(secret)];
        await give(token.id, subject);
        expect([...before, await patwarden.check(secret)], what).toEqual([reason, reason, Reason.ALLOWED]);
      }
    });

    it("RV-13 knows a replacement at once, another token as well as another secret", async () => {
      const { organization: subject } = await member();
      const old = await patwarden.createToken({ subject });
      const decision = async (secret: string) => {
        const { reason, tokenId } = await ask(check, { token: secret, resource: "document:roadmap", action: "viewer" });
        return [reason, tokenId];
      };
      expect(await decision(old.secret)).toEqual([Reason.ALLOWED, old.token.id]);
      const replacement = await patwarden.createToken({ subject, grant: viewDocuments });
      expect(await decision(replacement.secret)).toEqual([Reason.ALLOWED, replacement.token.id]);
      expect(await patwarden.check(replacement.secret, { resource: "document:roadmap", action: "editor" })).toBe(
        Reason.NOT_GRANTED,
      );
      const rotated = await ask(tokens.rotateToken, { id: old.token.id });
      expect(await decision(rotated.secret)).toEqual([Reason.ALLOWED, old.token.id]);
      await ask(tokens.revokeToken, { id: old.token.id });
      expect(await decision(rotated.secret)).toEqual([Reason.TOKEN_REVOKED, old.token.id]);
      expect(await decision(replacement.secret)).toEqual([Reason.ALLOWED, replacement.token.id]);
    });
  });

  describe("a denial", () => {
    const answer = (token: string, resource: string, action = "viewer") =>
      ask(check, { token, resource, action, context: { clientIp: "198.51.100.1" } });

    it("TX-8 says which check a usable token failed, to the backend and to the token itself", async () => {
      const { subject, organization } = await member();
      const membership = { user: subject, relation: "member", object: organization };
      const { secret } = await patwarden.createToken({ subject, organization, grant: viewDocuments });
      const gates = async () => {
        const { reason, tokenValid } = await answer(secret, "document:roadmap");
        const own = await ask(introspect, {}, { key: secret });
        return [reason, tokenValid, own.reason, own.token?.usable, own.token?.blockedBy];
      };
      expect(await gates()).toEqual([Reason.ALLOWED, true, Reason.ALLOWED, Reason.ALLOWED, []]);
      expect(await answer(secret, "document:roadmap", "editor")).toMatchObject({ reason: Reason.NOT_GRANTED });
      expect(await answer(secret, "organization:acme", "member")).toMatchObject({ reason: Reason.NOT_GRANTED });
      expect(await answer(secret, "document:payroll")).toMatchObject({
        reason: Reason.NOT_PERMITTED,
        tokenValid: true,
      });
      await setPolicy(organization, { blockAll: true }, ["block_all"]);
      expect(await gates()).toEqual([Reason.POLICY, true, Reason.ALLOWED, Reason.POLICY, ["block_all"]]);
      await ask(policies.deletePolicy, { scope: organization });
      await patwarden.openfga.admin.deleteTuples(patwarden.openfga.storeId, [membership]);
      expect(await gates()).toEqual([Reason.NOT_A_MEMBER, true, Reason.ALLOWED, Reason.ALLOWED, []]);

      const pending = await pendingFor({ subject: organization, organization });
      expect(await answer(pending.secret, "document:roadmap")).toMatchObject({
        reason: Reason.TOKEN_PENDING_APPROVAL,
        tokenValid: false,
      });
      expect(await ask(introspect, {}, { key: pending.secret })).toMatchObject({
        reason: Reason.TOKEN_PENDING_APPROVAL,
      });
    });

    it("TX-8 tells a stranger nothing about the resource", async () => {
      const { secret } = await patwarden.createToken({ subject: fresh() });
      const unknown = encodeSecret("pw", "pat", new Uint8Array(32).fill(7));
      for (const token of [secret, unknown, "nonsense"]) {
        expect(await answer(token, "document:payroll")).toEqual(await answer(token, `document:${randomUUID()}`));
      }
      for (const key of [null, "pw_svc_unknown", secret]) {
        const question = (resource: string) => ({ token: secret, resource, action: "viewer" });
        expect(await patwarden.port.call(check, question("document:payroll"), { key })).toEqual(
          await patwarden.port.call(check, question(`document:${randomUUID()}`), { key }),
        );
      }
    });
  });

  describe("suspension", () => {
    it("stops a token and lets it go on; repeating either changes nothing; revoked is for good", async () => {
      const { token, secret } = await patwarden.createToken();
      for (let round = 0; round < 2; round++) {
        const suspended = await ask(tokens.suspendToken, { id: token.id, comment: "lost laptop" });
        expect(suspended.token).toMatchObject({
          state: Token_State.SUSPENDED,
          usable: Reason.TOKEN_SUSPENDED,
          suspension: { by: "service:admin", comment: "lost laptop" },
        });
        expect(await patwarden.check(secret)).toBe(Reason.TOKEN_SUSPENDED);
      }
      for (let round = 0; round < 2; round++) {
        await ask(tokens.resumeToken, { id: token.id });
        expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
      }
      await ask(tokens.suspendToken, { id: token.id });
      await ask(tokens.revokeToken, { id: token.id });
      expect(await refusal(tokens.resumeToken, { id: token.id })).toMatchObject({ reason: "STATE_CONFLICT" });
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
    });
  });

  describe("bulk revocation", () => {
    it("ends all of a subject, or those made before a time, after telling the number", async () => {
      const subject = fresh();
      const first = await patwarden.createToken({ subject });
      const cut = first.token.createTime;
      const second = await patwarden.createToken({ subject });
      const other = await patwarden.createToken();
      const target = { case: "subject", value: subject } as const;
      expect(await ask(tokens.revokeTokens, { target, validateOnly: true })).toMatchObject({ count: 2 });
      const before = { target, createdBefore: { seconds: (cut?.seconds ?? 0n) - 1n } };
      expect(await ask(tokens.revokeTokens, before)).toMatchObject({ count: 0 });
      expect(await refusal(tokens.revokeTokens, { target, expectedCount: 1 })).toMatchObject({
        reason: "POLICY_VIOLATION",
        metadata: { field: "expected_count", limit: "2" },
      });
      expect((await ask(tokens.getToken, { id: first.token.id })).token?.state).toBe(Token_State.ACTIVE);
      expect(await ask(tokens.revokeTokens, { target, reason: RevocationReason.LEAKED })).toMatchObject({ count: 2 });
      expect(await ask(tokens.revokeTokens, { target })).toMatchObject({ count: 0 });
      expect([
        await patwarden.check(first.secret),
        await patwarden.check(second.secret),
        await patwarden.check(other.secret),
      ]).toEqual([Reason.TOKEN_REVOKED, Reason.TOKEN_REVOKED, Reason.ALLOWED]);
      expect(await refusal(tokens.revokeTokens, {})).toMatchObject({ reason: "INVALID_FIELD" });
      expect(await refusal(tokens.revokeTokens, { target: { case: "everything", value: true } })).toMatchObject({
        reason: "INVALID_FIELD",
      });
    });
  });

  describe("subjects", () => {
    it("OW-3 disabling refuses all tokens and keeps them; enabling lets them work again", async () => {
      const { subject, organization } = await member();
      const made = [await patwarden.createToken({ subject }), await patwarden.createToken({ subject, organization })];
      const reasons = () => Promise.all(made.map(({ secret }) => patwarden.check(secret)));
      expect(await reasons()).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      for (let round = 0; round < 2; round++) {
        expect((await ask(subjects.disableSubject, { subject })).subject).toMatchObject({
          state: Subject_State.DISABLED,
          liveTokens: 2,
          generation: 1,
        });
        expect(await reasons()).toEqual([Reason.SUBJECT_DISABLED, Reason.SUBJECT_DISABLED]);
      }
      for (const { token, secret } of made) {
        expect(exceptUse((await ask(tokens.getToken, { id: token.id })).token)).toEqual({
          ...token,
          usable: Reason.SUBJECT_DISABLED,
        });
        expect(await ask(introspect, { token: secret })).toMatchObject({
          active: false,
          reason: Reason.SUBJECT_DISABLED,
        });
      }
      for (let round = 0; round < 2; round++) {
        await ask(subjects.enableSubject, { subject });
        expect(await reasons()).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      }
    });

    it("OW-1 deleting a user ends whatever the user holds, of all kinds, at once and for good", async () => {
      const { subject, organization } = await member();
      const rotated = await patwarden.createToken({ subject });
      const grace = { seconds: day };
      const suspended = await patwarden.createToken({ subject });
      const secrets = [
        rotated.secret,
        (await ask(tokens.rotateToken, { id: rotated.token.id, grace })).secret,
        (await patwarden.createToken({ subject, organization })).secret,
        (await patwarden.createToken({ subject, lifetime: { case: "neverExpires", value: true } })).secret,
      ];
      const reasons = () => Promise.all([...secrets, suspended.secret].map((secret) => patwarden.check(secret)));
      expect(await reasons()).toEqual(Array(5).fill(Reason.ALLOWED));
      await ask(tokens.suspendToken, { id: suspended.token.id });
      for (let round = 0; round < 2; round++) {
        expect((await ask(subjects.deleteSubject, { subject })).subject).toMatchObject({
          state: Subject_State.DELETED,
          liveTokens: 0,
        });
        expect(await reasons()).toEqual(Array(5).fill(Reason.TOKEN_REVOKED));
      }
      for (const key of secrets) {
        expect(await refusal(introspect, {}, { key })).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
      }
      expect((await ask(tokens.getToken, { id: suspended.token.id })).token?.revocationReason).toBe(
        RevocationReason.SUBJECT_DELETED,
      );
      expect(await refusal(tokens.createToken, { subject, name: "n" })).toEqual({
        code: "FAILED_PRECONDITION",
        reason: "SUBJECT_STATE",
        metadata: { state: "DELETED" },
      });
      expect(await refusal(subjects.disableSubject, { subject })).toMatchObject({ reason: "SUBJECT_STATE" });
    });

    it.each(["user", "organization"] as const)(
      "RV-18 restoring a deleted %s revives none of its tokens, whatever state they were in",
      async (kind) => {
        const { subject: user, organization } = await member();
        const subject = kind === "user" ? user : organization;
        const old = {
          active: await patwarden.createToken({ subject }),
          bound: await patwarden.createToken({ subject: user, organization }),
          suspended: await patwarden.createToken({ subject }),
          expired: await patwarden.createToken({ subject }),
          pending: await pendingFor({ subject, organization }),
        };
        await ask(tokens.suspendToken, { id: old.suspended.token.id });
        await changeToken(old.expired.token.id, { expireTime: fromNow(-1n) }, "expire_time");
        await ask(subjects.deleteSubject, { subject });
        for (let round = 0; round < 2; round++) {
          expect((await ask(subjects.enableSubject, { subject })).subject).toMatchObject({
            state: Subject_State.ACTIVE,
            generation: 2,
            liveTokens: 0,
          });
        }
        for (const [state, { token, secret }] of Object.entries(old)) {
          const { id, etag } = token;
          expect([state, await patwarden.check(secret)]).toEqual([state, Reason.TOKEN_REVOKED]);
          const ended = { reason: "STATE_CONFLICT", metadata: { state: "REVOKED" } };
          expect(await refusal(tokens.resumeToken, { id })).toMatchObject(ended);
          expect(await refusal(tokens.rotateToken, { id })).toMatchObject(ended);
          expect(await refusal(tokens.approveToken, { id, etag }, { key: keys.approver })).toMatchObject(ended);
        }
        expect(await patwarden.check((await patwarden.createToken({ subject })).secret)).toBe(Reason.ALLOWED);
      },
    );

    it("RV-3 deleting an organization ends its own tokens and those bound to it before it returns", async () => {
      const { subject, organization } = await member();
      const owned = await Promise.all([1, 2, 3].map(() => patwarden.createToken({ subject: organization })));
      const bound = await patwarden.createToken({ subject, organization });
      const unbound = await patwarden.createToken({ subject });
      const reasons = () => Promise.all([...owned, bound].map(({ secret }) => patwarden.check(secret)));
      expect(await reasons()).toEqual(Array(4).fill(Reason.ALLOWED));
      await ask(subjects.deleteSubject, { subject: organization });
      expect(await reasons()).toEqual(Array(4).fill(Reason.TOKEN_REVOKED));
      expect(await patwarden.check(unbound.secret)).toBe(Reason.ALLOWED);
    });
  });

  describe("a user token of an organization", () => {
    const bound = () => patwarden.createToken({ organization: "organization:acme" });

    it("OW-5 works while its user is a member, and says which organization it is", async () => {
      const { token, secret } = await bound();
      expect(token.organization).toBe("organization:acme");
      expect(await ask(check, { token: secret, resource: "document:roadmap", action: "viewer" })).toMatchObject({
        allowed: true,
        organization: "organization:acme",
      });
      const membership = { user: "user:alice", relation: "member", object: "organization:acme" };
      await patwarden.openfga.admin.deleteTuples(patwarden.openfga.storeId, [membership]);
      try {
        expect(await patwarden.check(secret)).toBe(Reason.NOT_A_MEMBER);
        expect(
          await refusal(tokens.createToken, { subject: "user:alice", name: "n", organization: "organization:acme" }),
        ).toMatchObject({ reason: "SUBJECT_STATE", metadata: { state: "NOT_A_MEMBER" } });
      } finally {
        await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [membership]);
      }
      expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
      expect(
        (await ask(tokens.listTokens, { organization: "organization:acme" })).tokens.map(({ id }) => id),
      ).toContain(token.id);
    });

    it("stops when the organization is disabled; only users' tokens are bound, and only to organizations", async () => {
      const { secret } = await bound();
      await ask(subjects.disableSubject, { subject: "organization:acme" });
      try {
        expect(await patwarden.check(secret)).toBe(Reason.SUBJECT_DISABLED);
      } finally {
        await ask(subjects.enableSubject, { subject: "organization:acme" });
      }
      for (const request of [
        { subject: "organization:acme", organization: "organization:acme" },
        { subject: "user:alice", organization: "user:bob" },
        { subject: "user:alice", organization: "acme" },
      ]) {
        expect(await refusal(tokens.createToken, { name: "n", ...request })).toMatchObject({ reason: "INVALID_FIELD" });
      }
    });
  });

  describe("policies", () => {
    it("of an organization block its older tokens at use, refuse new ones, and let go when relaxed", async () => {
      const scope = fresh("organization");
      const { token, secret } = await patwarden.createToken({
        subject: scope,
        lifetime: { case: "neverExpires", value: true },
      });
      const stricter = { requireExpiry: true };
      expect(await setPolicy(scope, stricter, ["require_expiry"], { validateOnly: true })).toMatchObject({
        blockedTokens: 1,
      });
      expect(await patwarden.check(secret)).toBe(Reason.NOT_PERMITTED);
      expect(await setPolicy(scope, stricter, ["require_expiry"])).toMatchObject({ blockedTokens: 1 });
      expect(await patwarden.check(secret)).toBe(Reason.POLICY);
      expect((await ask(tokens.getToken, { id: token.id })).token).toMatchObject({
        state: Token_State.ACTIVE,
        usable: Reason.POLICY,
        blockedBy: ["require_expiry"],
      });
      expect(
        await refusal(tokens.createToken, {
          subject: scope,
          name: "n",
          lifetime: { case: "neverExpires", value: true },
        }),
      ).toEqual({
        code: "FAILED_PRECONDITION",
        reason: "POLICY_VIOLATION",
        metadata: { field: "never_expires", limit: "require_expiry", scope },
      });
      await ask(policies.deletePolicy, { scope });
      expect(await patwarden.check(secret)).toBe(Reason.NOT_PERMITTED);
    });

    it("EX-4 honour a date months ahead to the millisecond, or refuse it and name what forbids it", async () => {
      const subject = fresh("organization");
      const expireTime = { ...fromNow(116n * day), nanos: 123_000_000 };
      const dated = { subject, name: "n", lifetime: { case: "expireTime", value: expireTime } } as const;
      expect((await patwarden.createToken(dated)).token).toMatchObject({ expireTime });
      await setPolicy(subject, { maxLifetime: { seconds: 30n * day } }, ["max_lifetime"]);
      expect(await refusal(tokens.createToken, dated)).toEqual({
        code: "FAILED_PRECONDITION",
        reason: "POLICY_VIOLATION",
        metadata: { field: "expire_time", limit: "max_lifetime", scope: subject, value: `${30 * Number(day)}s` },
      });
      expect((await ask(tokens.listTokens, { subject })).tokens).toHaveLength(1);
    });

    it("EX-5 cap lifetimes on every path and for every kind of token: create, rotate, update", async () => {
      const { subject, organization } = await member();
      await setPolicy(organization, { maxLifetime: { seconds: day }, defaultLifetime: { seconds: 3600n } }, [
        "max_lifetime",
        "default_lifetime",
      ]);
      const violation = { reason: "POLICY_VIOLATION", metadata: { limit: "max_lifetime", scope: organization } };
      for (const owner of [{ subject: organization }, { subject, organization }]) {
        const { token } = await patwarden.createToken(owner);
        expect((token.expireTime?.seconds ?? 0n) - (token.createTime?.seconds ?? 0n)).toBe(3600n);
        for (const [lifetime, over, path] of [
          [{ case: "ttl", value: { seconds: day + 1n } }, { expireTime: fromNow(2n * day) }, "expire_time"],
          [{ case: "expireTime", value: fromNow(2n * day) }, { expireTime: fromNow(2n * day) }, "expire_time"],
          [{ case: "neverExpires", value: true }, { neverExpires: true }, "never_expires"],
        ] as const) {
          expect(await refusal(tokens.createToken, { ...owner, name: "n", lifetime })).toMatchObject(violation);
          expect(await refusal(tokens.rotateToken, { id: token.id, lifetime })).toMatchObject(violation);
          expect(
            await refusal(tokens.updateToken, {
              token: { id: token.id, ...over },
              updateMask: { paths: [path] },
            }),
          ).toMatchObject(violation);
        }
        expect((await ask(tokens.getToken, { id: token.id })).token).toEqual(token);
      }
    });

    it("EX-15 let an organization require an end within 30, 60 or 90 days, and another do without", async () => {
      const never = { case: "neverExpires", value: true } as const;
      const ttl = (seconds: bigint) => ({ case: "ttl", value: { seconds } }) as const;
      for (const days of [30n, 60n, 90n]) {
        const subject = fresh("organization");
        await setPolicy(subject, { maxLifetime: { seconds: days * day }, requireExpiry: true }, [
          "max_lifetime",
          "require_expiry",
        ]);
        const lifetimeOf = async (request: Parameters<Patwarden["createToken"]>[0]) => {
          const { expireTime, createTime } = (await patwarden.createToken({ ...request, subject })).token;
          return (expireTime?.seconds ?? 0n) - (createTime?.seconds ?? 0n);
        };
        expect(await lifetimeOf({ lifetime: ttl(days * day) })).toBe(days * day);
        expect(await lifetimeOf({})).toBe(days * day);
        expect(await lifetimeOf({ lifetime: ttl(1n) })).toBe(1n);
        for (const lifetime of [ttl(days * day + 1n), never]) {
          expect(await refusal(tokens.createToken, { subject, name: "n", lifetime })).toMatchObject({
            reason: "POLICY_VIOLATION",
            metadata: { scope: subject },
          });
        }
      }
      expect(
        (await patwarden.createToken({ subject: fresh("organization"), lifetime: never })).token.neverExpires,
      ).toBe(true);
    });

    it("show what is in effect, take etags, and refuse odd scopes, masks and values", async () => {
      const scope = fresh("organization");
      const first = await setPolicy(scope, { allowedActions: ["viewer"] }, ["allowed_actions"]);
      expect((await ask(policies.getPolicy, { scope })).effective).toMatchObject({ allowedActions: ["viewer"] });
      await setPolicy(scope, { etag: first.policy?.etag ?? "", forbidFull: true }, ["forbid_full"]);
      const stale = {
        policy: { scope, etag: first.policy?.etag ?? "", forbidFull: false },
        updateMask: { paths: ["forbid_full"] },
      };
      expect(await refusal(policies.updatePolicy, stale)).toMatchObject({ reason: "ETAG_MISMATCH" });
      for (const [policy, paths] of [
        [{ scope: "document:1" }, ["forbid_full"]],
        [{ scope: "" }, ["forbid_full"]],
        [{ scope }, []],
        [{ scope }, ["scope"]],
        [{ scope, maxLifetime: { seconds: -1n } }, ["max_lifetime"]],
        [{ scope, allowedCidrs: ["x"] }, ["allowed_cidrs"]],
        [{ scope, requireOrganization: true }, ["require_organization"]],
      ] as const) {
        const request = { policy, updateMask: { paths: [...paths] } };
        expect(
          await refusal(policies.updatePolicy, request as MessageInitShape<typeof policies.updatePolicy.input>),
        ).toMatchObject({ reason: "INVALID_FIELD" });
      }
      expect(
        await refusal(policies.updatePolicy, {
          policy: { scope, allowedActions: ["publish"] },
          updateMask: { paths: ["allowed_actions"] },
        }),
      ).toMatchObject({ reason: "UNKNOWN_ACTION" });
    });
  });

  describe("approval", () => {
    it("takes three: maker, subject and approver; only the seen version is approved; more rights need a new approval", async () => {
      const scope = fresh("organization");
      await ask(policies.updatePolicy, {
        policy: { scope, requireApproval: true },
        updateMask: { paths: ["require_approval"] },
      });
      const { token, secret } = await patwarden.createToken(
        { subject: scope, grant: viewDocuments },
        { key: keys.maker },
      );
      expect(token).toMatchObject({ state: Token_State.PENDING_APPROVAL, usable: Reason.TOKEN_PENDING_APPROVAL });
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_PENDING_APPROVAL);
      // The token may read its own state.
      expect(await ask(introspect, {}, { key: secret })).toMatchObject({ reason: Reason.TOKEN_PENDING_APPROVAL });

      const approve = { id: token.id, etag: token.etag, comment: "fine" };
      expect(await refusal(tokens.approveToken, approve, { key: keys.maker })).toMatchObject({
        reason: "CALLER_FORBIDDEN",
      });
      expect(await refusal(tokens.approveToken, { ...approve, etag: "" }, { key: keys.approver })).toMatchObject({
        reason: "INVALID_FIELD",
      });
      expect(await refusal(tokens.approveToken, { ...approve, etag: "stale" }, { key: keys.approver })).toMatchObject({
        reason: "ETAG_MISMATCH",
      });
      for (let round = 0; round < 2; round++) {
        expect((await ask(tokens.approveToken, approve, { key: keys.approver })).token).toMatchObject({
          state: Token_State.ACTIVE,
          approval: { decidedBy: "service:approver", comment: "fine" },
        });
      }
      expect(await patwarden.check(secret)).toBe(Reason.NOT_PERMITTED);

      const change = (over: object, paths: string[]) =>
        ask(tokens.updateToken, { token: { id: token.id, ...over }, updateMask: { paths } });
      expect(
        (await change({ grant: { rules: [{ actions: ["viewer"], resources: ["document:1"] }] } }, ["grant"])).token
          ?.state,
      ).toBe(Token_State.ACTIVE);
      expect((await change({ grant: viewDocuments }, ["grant"])).token?.state).toBe(Token_State.PENDING_APPROVAL);
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_PENDING_APPROVAL);
    });

    it("can be denied, for good", async () => {
      const scope = fresh("organization");
      await ask(policies.updatePolicy, {
        policy: { scope, requireApproval: true },
        updateMask: { paths: ["require_approval"] },
      });
      const { token, secret } = await patwarden.createToken({ subject: scope }, { key: keys.maker });
      for (let round = 0; round < 2; round++) {
        const denied = await ask(tokens.denyToken, { id: token.id, comment: "too wide" }, { key: keys.approver });
        expect(denied.token).toMatchObject({ state: Token_State.DENIED, approval: { comment: "too wide" } });
      }
      expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
      const approve = { id: token.id, etag: token.etag };
      expect(await refusal(tokens.approveToken, approve, { key: keys.approver })).toMatchObject({
        reason: "STATE_CONFLICT",
      });
      const plain = await patwarden.createToken();
      expect(await refusal(tokens.denyToken, { id: plain.token.id }, { key: keys.approver })).toMatchObject({
        reason: "STATE_CONFLICT",
      });
    });
  });

  describe("a token as caller", () => {
    it("SC-2 SC-5 SC-6 manages nothing, sees and ends itself, and no other", async () => {
      const { token, secret } = await patwarden.createToken({ grant: { full: true } });
      const other = await patwarden.createToken();
      const key = secret;
      for (const [method, request] of [
        [tokens.createToken, { subject: "user:alice", name: "child" }],
        [tokens.getToken, { id: token.id }],
        [tokens.listTokens, {}],
        [tokens.updateToken, { token: { id: token.id, name: "x" }, updateMask: { paths: ["name"] } }],
        [tokens.suspendToken, { id: token.id }],
        [tokens.resumeToken, { id: token.id }],
        [tokens.approveToken, { id: token.id, etag: token.etag }],
        [check, { token: secret, resource: "document:1", action: "viewer" }],
        [subjects.deleteSubject, { subject: "user:alice" }],
        [policies.deletePolicy, { scope: "user" }],
        [introspect, { token: other.secret }],
        [tokens.rotateToken, {}],
      ] as const) {
        const call = method as unknown as DescMethodUnary<DescMessage, DescMessage>;
        expect(await refusal(call, request as MessageInitShape<DescMessage>, { key }), method.name).toMatchObject({
          reason: "CALLER_FORBIDDEN",
        });
      }
      expect(await refusal(tokens.revokeToken, { id: other.token.id }, { key })).toMatchObject({ reason: "NOT_FOUND" });
      expect(await ask(introspect, {}, { key })).toMatchObject({ active: true, token: { id: token.id } });
      expect((await ask(tokens.revokeToken, {}, { key })).token?.state).toBe(Token_State.REVOKED);
      expect(await refusal(introspect, {}, { key })).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    });

    it("rotates itself where it was made for it and the policy allows it", async () => {
      const scope = fresh("organization");
      expect(await refusal(tokens.createToken, { subject: scope, name: "n", selfRotate: true })).toMatchObject({
        reason: "POLICY_VIOLATION",
        metadata: { limit: "allow_self_rotation" },
      });
      const allow = (allowSelfRotation: boolean) =>
        Promise.all(
          ["organization", scope].map((one) =>
            ask(policies.updatePolicy, {
              policy: { scope: one, allowSelfRotation },
              updateMask: { paths: ["allow_self_rotation"] },
            }),
          ),
        );
      await allow(true);
      try {
        const { secret } = await patwarden.createToken({ subject: scope, selfRotate: true });
        const rotated = await ask(tokens.rotateToken, { grace: { seconds: 60n } }, { key: secret });
        expect(await patwarden.check(rotated.secret)).toBe(Reason.NOT_PERMITTED);
        // SC-6: a token cannot prolong its own life.
        for (const longer of [
          { case: "neverExpires", value: true } as const,
          { case: "ttl", value: { seconds: 300n * 86_400n } } as const,
        ]) {
          expect(await refusal(tokens.rotateToken, { lifetime: longer }, { key: rotated.secret })).toMatchObject({
            reason: "CALLER_FORBIDDEN",
          });
        }
        // S17: a secret in its grace has been replaced; another run of the same program must not end the secret that
        // the first one got.
        const late = await refusal(tokens.rotateToken, {}, { key: secret });
        expect(late).toMatchObject({ reason: "STATE_CONFLICT", metadata: { state: "ROTATED" } });
        const grace = { seconds: 60n };
        const runs = await Promise.all(
          Array.from({ length: 8 }, () => patwarden.port.call(tokens.rotateToken, { grace }, { key: rotated.secret })),
        );
        const reasons = runs.map((reply) => (reply.ok ? "ok" : reply.reason)).sort();
        expect(reasons).toEqual([...Array.from({ length: 7 }, () => "STATE_CONFLICT"), "ok"]);
        for (const reply of runs) if (reply.ok) rotated.secret = reply.value.secret;
        expect(await patwarden.check(rotated.secret)).toBe(Reason.NOT_PERMITTED);
        const plain = await patwarden.createToken({ subject: scope });
        expect(await refusal(tokens.rotateToken, {}, { key: plain.secret })).toMatchObject({
          reason: "CALLER_FORBIDDEN",
        });
        await ask(tokens.suspendToken, { id: rotated.token?.id ?? "" });
        expect(await refusal(tokens.rotateToken, {}, { key: rotated.secret })).toMatchObject({
          reason: "CALLER_FORBIDDEN",
        });
      } finally {
        await ask(policies.deletePolicy, { scope: "organization" });
      }
    });
  });

  it("a rotation that prolongs an approved token asks for approval again, as an update does", async () => {
    const scope = fresh("organization");
    const { token } = await patwarden.createToken({
      subject: scope,
      lifetime: { case: "ttl", value: { seconds: 3_600n } },
    });
    const setApproval = (requireApproval: boolean) =>
      ask(policies.updatePolicy, { policy: { scope, requireApproval }, updateMask: { paths: ["require_approval"] } });
    await setApproval(true);
    const same = await ask(tokens.rotateToken, { id: token.id });
    expect(same.token?.state).toBe(Token_State.ACTIVE);
    const longer = await ask(tokens.rotateToken, { id: token.id, lifetime: { case: "neverExpires", value: true } });
    expect(longer.token?.state).toBe(Token_State.PENDING_APPROVAL);
    expect(await patwarden.check(longer.secret)).toBe(Reason.TOKEN_PENDING_APPROVAL);
  });

  it("S18 an end before now becomes now, and one that has passed stays", async () => {
    const { token, secret } = await patwarden.createToken();
    const before = Date.now();
    const end = async (seconds: bigint) =>
      Number((await changeToken(token.id, { expireTime: { seconds } }, "expire_time")).token?.expireTime?.seconds);
    const ended = await end(0n);
    expect(ended).toBeGreaterThanOrEqual(Math.floor(before / 1000));
    expect(ended).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
    expect(await patwarden.check(secret)).toBe(Reason.TOKEN_EXPIRED);
    expect(await end(1n)).toBe(ended);
  });

  it("S28 an update without a change writes no event and keeps the etag", async () => {
    const { subject, organization } = await member();
    const notBefore = fromNow(-60n);
    const expireTime = fromNow(3_600n);
    const given = {
      ...{ name: "n", description: "d", grant: viewDocuments, allowedCidrs: ["192.0.2.0/24"], notBefore, expireTime },
      ...{ metadata: { a: "1" }, claims: { b: "2" }, selfRotate: false },
    };
    const lifetime = { case: "expireTime", value: expireTime } as const;
    const id = (await patwarden.createToken({ ...given, subject, organization, lifetime })).token.id;
    const doomed = (await patwarden.createToken({ subject, organization })).token.id;
    const rotated = await ask(tokens.rotateToken, { id: doomed, grace: { seconds: 60n } });
    const old = rotated.token?.secrets[1]?.id ?? "";
    const all = ["name", "description", "grant", "allowed_cidrs", "metadata", "claims"];
    const paths = [...all, "not_before", "expire_time", "self_rotate"];
    const scope = organization;
    const changes: readonly (() => Promise<unknown>)[] = [
      () => ask(tokens.updateToken, { token: { id, ...given, name: "other" }, updateMask: { paths } }),
      () => changeToken(id, { expireTime: { seconds: 0n } }, "expire_time"),
      () => ask(tokens.suspendToken, { id }),
      () => ask(tokens.resumeToken, { id }),
      () => ask(tokens.revokeSecret, { tokenId: doomed, secretId: old }),
      () => ask(tokens.revokeToken, { id: doomed }),
      () =>
        setPolicy(scope, { maxLifetime: { seconds: day }, allowedActions: ["viewer"] }, [
          "max_lifetime",
          "allowed_actions",
        ]),
      () => ask(policies.deletePolicy, { scope }),
      () => ask(subjects.disableSubject, { subject }),
      () => ask(subjects.enableSubject, { subject }),
      () => ask(tokens.revokeTokens, { target: { case: "subject", value: subject } }),
      () => ask(subjects.deleteSubject, { subject }),
    ];
    // The first update changes only the name: fields that are written with their old values are not in its event.
    const state = async () => ({
      etags: (await ask(tokens.listTokens, { subject })).tokens.map(({ etag }) => etag),
      policy: (await ask(policies.getPolicy, { scope })).policy?.etag,
      events: (await ask(AuditService.method.listAuditEvents, { pageSize: 1000 })).events
        .filter((event) => event.subject === subject || event.details["scope"] === scope)
        .map((event) => event.id),
    });
    for (const [index, change] of changes.entries()) {
      const before = await state();
      await change();
      const changed = await state();
      expect(changed.events.length, `change ${index}`).toBeGreaterThan(before.events.length);
      await change();
      expect(await state(), `change ${index}, again`).toEqual(changed);
    }
    const [update] = (await ask(AuditService.method.listAuditEvents, { tokenId: id, pageSize: 1000 })).events.filter(
      ({ action, details }) => action === "token.updated" && "name.after" in details,
    );
    expect(Object.keys(update?.details ?? {}).sort()).toEqual(["name.after", "name.before"]);
  });

  it("an update gives no longer life than a creation: ten years", async () => {
    const { token } = await patwarden.createToken();
    const expireTime = fromNow(3_653n * 86_400n);
    expect(
      await refusal(tokens.updateToken, {
        token: { id: token.id, expireTime },
        updateMask: { paths: ["expire_time"] },
      }),
    ).toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("validate_only says what would be made and makes nothing", async () => {
    const before = await patwarden.countTokens();
    const drafted = await ask(tokens.createToken, { subject: "user:alice", name: "n", validateOnly: true });
    expect(drafted).toMatchObject({ secret: "", token: { subject: "user:alice", usable: Reason.ALLOWED } });
    expect(await patwarden.countTokens()).toBe(before);
  });
});
