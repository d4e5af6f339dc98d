import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { type DescMessage, type MessageInitShape, ScalarType } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, type Token, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import { hashOf } from "../kit/server.js";

const { check, batchCheck, introspect } = AuthorizationService.method;
const { createToken, getToken, listTokens, revokeToken, rotateToken, updateToken } = TokenService.method;

let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  // Everything is logged, so that the test sees every place where a secret could be.
  const settings = { config: { log: { level: "trace" } } };
  engines = await startOnEngines(settings);
});
afterAll(async () => {
  await engines.stop();
});

const seconds = (date: Date): bigint => BigInt(Math.floor(date.getTime() / 1000));
const inAnHour = (): bigint => seconds(new Date()) + 3600n;
const viewDocuments = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };

describe.each(grid)("over $port on $engine", ({ port: name, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(name);
  });

  it("runs the main patwarden: a user's and an organization's token, allowed, denied, revoked, refused", async () => {
    const alice = await patwarden.createToken({ subject: "user:alice", name: "laptop", grant: viewDocuments });
    const acme = await patwarden.createToken({ subject: "organization:acme", name: "shop", grant: { full: true } });
    expect(alice.secret).toMatch(/^pw_pat_[0-9A-Za-z]{49}$/);
    expect(acme.secret).toMatch(/^pw_oat_[0-9A-Za-z]{49}$/);
    expect(
      await patwarden.port.call(check, { token: alice.secret, resource: "document:roadmap", action: "viewer" }),
    ).toMatchObject({
      ok: true,
      value: {
        allowed: true,
        reason: Reason.ALLOWED,
        tokenValid: true,
        subject: "user:alice",
        tokenId: alice.token.id,
        expireTime: alice.token.expireTime,
      },
    });
    expect(
      await patwarden.port.call(check, { token: acme.secret, resource: "document:price-list", action: "viewer" }),
    ).toMatchObject({
      ok: true,
      value: { allowed: true, subject: "organization:acme" },
    });
    expect(await patwarden.check(alice.secret, { resource: "document:payroll" })).toBe(Reason.NOT_PERMITTED);
    expect(await patwarden.check(alice.secret, { resource: "document:roadmap", action: "editor" })).toBe(
      Reason.NOT_GRANTED,
    );
    expect(await patwarden.check(acme.secret, { resource: "document:roadmap" })).toBe(Reason.NOT_PERMITTED);

    const revoked = await patwarden.port.call(revokeToken, { id: alice.token.id, reason: RevocationReason.LEAKED });
    expect(revoked).toMatchObject({
      ok: true,
      value: {
        token: { state: Token_State.REVOKED, usable: Reason.TOKEN_REVOKED, revocationReason: RevocationReason.LEAKED },
      },
    });
    expect(
      await patwarden.port.call(check, { token: alice.secret, resource: "document:roadmap", action: "viewer" }),
    ).toMatchObject({
      ok: true,
      // Recognized, so that a backend can tell its user which token it was.
      value: { allowed: false, tokenValid: false, reason: Reason.TOKEN_REVOKED, tokenId: alice.token.id, claims: {} },
    });
    expect(await patwarden.check(acme.secret, { resource: "document:price-list" })).toBe(Reason.ALLOWED);
  });

  it("RV-17 get, list, Introspect and a repeated revocation agree that a token is revoked, and why", async () => {
    const subject = `user:${randomUUID()}`;
    const { token, secret } = await patwarden.createToken({ subject, name: "n", grant: { full: true } });
    const revoked = await patwarden.port.call(revokeToken, { id: token.id, reason: RevocationReason.LEAKED });
    if (!revoked.ok) throw new Error(revoked.message);
    expect(revoked.value.token).toMatchObject({
      state: Token_State.REVOKED,
      usable: Reason.TOKEN_REVOKED,
      revocationReason: RevocationReason.LEAKED,
    });
    const again = await patwarden.port.call(revokeToken, { id: token.id, reason: RevocationReason.REQUESTED });
    const got = await patwarden.port.call(getToken, { id: token.id });
    const listed = await patwarden.port.call(listTokens, { subject });
    expect([again.ok && again.value.token, got.ok && got.value.token, listed.ok && listed.value.tokens[0]]).toEqual(
      Array(3).fill(revoked.value.token),
    );
    const introspected = await patwarden.port.call(introspect, { token: secret });
    expect(introspected).toMatchObject({ ok: true, value: { active: false, reason: Reason.TOKEN_REVOKED } });
    expect(introspected.ok && introspected.value.token).toBeUndefined();
    expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
  });

  it("RV-1 denies on the Check after the revocation, whatever was checked before", async () => {
    const { token, secret } = await patwarden.createToken();
    for (let round = 0; round < 3; round++) expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
    await patwarden.port.call(revokeToken, { id: token.id });
    expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
  });

  it("refuses a token before its time", async () => {
    const early = await patwarden.createToken({
      subject: "user:alice",
      name: "early",
      grant: { full: true },
      notBefore: { seconds: inAnHour() },
    });
    expect(await patwarden.check(early.secret)).toBe(Reason.TOKEN_NOT_YET_VALID);
    expect(early.token).toMatchObject({ state: Token_State.ACTIVE, usable: Reason.TOKEN_NOT_YET_VALID });
  });

  it("EX-8 EX-9 allows a token that never ends, and one that ends next year", async () => {
    for (const lifetime of [
      { case: "neverExpires", value: true },
      { case: "ttl", value: { seconds: 366n * 86_400n } },
      { case: "expireTime", value: { seconds: inAnHour() + 366n * 86_400n } },
    ] as const) {
      const { token, secret } = await patwarden.createToken({
        subject: "user:alice",
        name: "n",
        grant: { full: true },
        lifetime,
      });
      expect(token).toMatchObject({ state: Token_State.ACTIVE, usable: Reason.ALLOWED });
      expect([token.neverExpires, token.expireTime === undefined]).toEqual(
        Array(2).fill(lifetime.case === "neverExpires"),
      );
      expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
    }
  });

  it("EX-11 EX-12 shows when a token ends and that it has, alike wherever it is shown, and lives with it", async () => {
    const subject = `user:${randomUUID()}`;
    const create = (seconds: bigint) =>
      patwarden.createToken({ subject, name: "n", lifetime: { case: "ttl", value: { seconds } } });
    const { token, secret } = await create(1n);
    const living = await create(3600n);
    const { expireTime } = token;
    expect(expireTime).toBeDefined();
    const shown = async () => {
      const got = await patwarden.port.call(getToken, { id: token.id });
      const listed = await patwarden.port.call(listTokens, { subject });
      if (!got.ok || !listed.ok) throw new Error("not shown");
      expect(listed.value.tokens.map(({ id }) => id)).toEqual([living.token.id, token.id]);
      return [got.value.token, listed.value.tokens[1]];
    };
    const asked = async (text: string) => {
      const reply = await patwarden.port.call(check, { token: text, resource: "document:roadmap", action: "viewer" });
      return reply.ok ? reply.value : undefined;
    };
    await expect
      .poll(async () => (await asked(secret))?.reason, { timeout: 10_000, interval: 50 })
      .toBe(Reason.TOKEN_EXPIRED);
    expect(await asked(secret)).toMatchObject({ tokenValid: false, tokenId: token.id, expireTime });
    for (const one of await shown()) {
      expect(one).toMatchObject({ state: Token_State.EXPIRED, usable: Reason.TOKEN_EXPIRED, expireTime });
      expect(one?.secrets).toMatchObject([{ expireTime }]);
    }
    expect(await patwarden.port.call(introspect, { token: secret })).toMatchObject({
      ok: true,
      value: { active: false, reason: Reason.TOKEN_EXPIRED },
    });
    for (const [state, id] of [
      [Token_State.EXPIRED, token.id],
      [Token_State.ACTIVE, living.token.id],
    ] as const) {
      expect(await patwarden.port.call(listTokens, { subject, states: [state] })).toMatchObject({
        ok: true,
        value: { tokens: [{ id }] },
      });
    }

    const same = { expireTime: living.token.expireTime };
    expect(await asked(living.secret)).toMatchObject({ tokenValid: true, ...same });
    expect(await patwarden.port.call(introspect, { token: living.secret })).toMatchObject({
      ok: true,
      value: { active: true, token: { ...same, state: Token_State.ACTIVE } },
    });

    const named = { token: { id: token.id, name: "over" }, updateMask: { paths: ["name"] } };
    expect(await patwarden.port.call(updateToken, named)).toMatchObject({
      ok: true,
      value: { token: { name: "over" } },
    });
    expect(await patwarden.port.call(revokeToken, { id: token.id })).toMatchObject({
      ok: true,
      value: { token: { state: Token_State.REVOKED } },
    });
  });

  it("EX-1 EX-3 echoes the lifetime and shows it again: what was asked, or the documented 90 days", async () => {
    const lifetime = ({ createTime, expireTime }: Token): bigint =>
      (expireTime?.seconds ?? 0n) - (createTime?.seconds ?? 0n);
    const asked = await patwarden.port.call(createToken, {
      subject: "user:alice",
      name: "half an hour",
      lifetime: { case: "ttl", value: { seconds: 1800n } },
    });
    if (!asked.ok || !asked.value.token) throw new Error("no token");
    expect(lifetime(asked.value.token)).toBe(1800n);
    const defaulted = await patwarden.port.call(createToken, { subject: "user:alice", name: "default" });
    if (!defaulted.ok || !defaulted.value.token) throw new Error("no token");
    expect(lifetime(defaulted.value.token)).toBe(90n * 86_400n);
    for (const { token } of [asked.value, defaulted.value]) {
      expect(await patwarden.port.call(getToken, { id: token?.id ?? "" })).toMatchObject({
        ok: true,
        value: { token },
      });
    }
  });

  it("IP-3 enforces address ranges, unwraps mapped addresses and refuses an unknown one", async () => {
    const { secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "office",
      grant: { full: true },
      allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"],
    });
    const from = (clientIp: string) => patwarden.check(secret, { clientIp: clientIp });
    for (const inside of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"]) {
      expect(await from(inside)).toBe(Reason.ALLOWED);
    }
    for (const outside of ["", "192.0.3.7", "2001:db9::1"]) {
      expect(await from(outside)).toBe(Reason.NETWORK_NOT_ALLOWED);
    }
    expect(await patwarden.port.call(introspect, { token: secret })).toMatchObject({
      ok: true,
      value: { active: false, reason: Reason.NETWORK_NOT_ALLOWED },
    });
  });

  it("SC-8 denies everything to a token without rules", async () => {
    for (const grant of [undefined, {}, { full: false, rules: [] }]) {
      const { secret } = await patwarden.ask(createToken, {
        subject: "user:alice",
        name: "n",
        ...(grant && { grant }),
      });
      expect(await patwarden.check(secret)).toBe(Reason.NOT_GRANTED);
      expect(await patwarden.check(secret, { resource: "organization:acme", action: "member" })).toBe(
        Reason.NOT_GRANTED,
      );
    }
  });

  it("SC-12 lets every good token identify itself, however little it may", async () => {
    for (const over of [
      {},
      { grant: { rules: [{ actions: ["viewer"], resources: ["document:nowhere"] }] } },
      { grant: { full: true } },
      { organization: "organization:acme" },
      { subject: "organization:acme" },
      { subject: "user:nobody" },
    ]) {
      const { token, secret } = await patwarden.createToken({ grant: {}, ...over });
      const active = { ok: true, value: { active: true, token: { id: token.id, subject: token.subject } } };
      expect(await patwarden.port.call(introspect, {}, { key: secret })).toMatchObject(active);
      expect(await patwarden.port.call(introspect, { token: secret })).toMatchObject(active);
    }
  });

  it("SC-4 reads `*` as all actions of its resource, and an action only as itself, whatever the model derives", async () => {
    const granted = async (actions: string[]) => {
      const grant = { rules: [{ actions, resources: ["document:roadmap"] }] };
      const { secret } = await patwarden.createToken({ subject: "user:alice", name: "n", grant });
      return [
        await patwarden.check(secret, { resource: "document:roadmap", action: "editor" }),
        await patwarden.check(secret, { resource: "document:roadmap", action: "viewer" }),
        await patwarden.check(secret, { resource: "organization:acme", action: "member" }),
      ];
    };
    // Alice has all three permissions.
    expect(await granted(["*"])).toEqual([Reason.ALLOWED, Reason.ALLOWED, Reason.NOT_GRANTED]);
    expect(await granted(["editor"])).toEqual([Reason.ALLOWED, Reason.NOT_GRANTED, Reason.NOT_GRANTED]);
    expect(await granted(["viewer"])).toEqual([Reason.NOT_GRANTED, Reason.ALLOWED, Reason.NOT_GRANTED]);
  });

  it("TX-7 verifies tokens of users and of organizations by the same calls, which name their owner", async () => {
    for (const [subject, prefix, resource] of [
      ["user:alice", "pw_pat_", "document:roadmap"],
      ["organization:acme", "pw_oat_", "document:price-list"],
    ] as const) {
      const { token, secret } = await patwarden.createToken({ subject, name: "n", grant: { full: true } });
      expect(secret.startsWith(prefix)).toBe(true);
      const decision = { allowed: true, tokenValid: true, subject, tokenId: token.id };
      expect(await patwarden.port.call(check, { token: secret, resource, action: "viewer" })).toMatchObject({
        ok: true,
        value: decision,
      });
      expect(
        await patwarden.port.call(batchCheck, { token: secret, items: [{ resource, action: "viewer" }] }),
      ).toMatchObject({
        ok: true,
        value: { results: [{ result: { case: "decision", value: decision } }] },
      });
      for (const introspected of [
        await patwarden.port.call(introspect, { token: secret }),
        await patwarden.port.call(introspect, {}, { key: secret }),
      ]) {
        expect(introspected).toMatchObject({ ok: true, value: { active: true, token: { id: token.id, subject } } });
      }
    }
  });

  it("gives claims back when asked, and the holder's metadata never outside TokenService", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "labelled",
      grant: { full: true },
      metadata: { note: "private" },
      claims: { plan: "gold", region: "eu" },
    });
    const ask = (claims: string[]) =>
      patwarden.port.call(check, { token: secret, resource: "document:roadmap", action: "viewer", claims });
    expect(await ask([])).toMatchObject({ ok: true, value: { claims: {} } });
    expect(await ask(["plan", "unknown"])).toMatchObject({ ok: true, value: { claims: { plan: "gold" } } });
    expect(await ask(["*"])).toMatchObject({ ok: true, value: { claims: { plan: "gold", region: "eu" } } });
    const introspected = await patwarden.port.call(introspect, { token: secret });
    expect(introspected).toMatchObject({ ok: true, value: { token: { claims: { plan: "gold" }, metadata: {} } } });
    expect(await patwarden.port.call(getToken, { id: token.id })).toMatchObject({
      ok: true,
      value: { token: { metadata: { note: "private" } } },
    });
  });

  it("answers a batch item by item, in order, with defaults and overrides", async () => {
    const acme = await patwarden.createToken({ subject: "organization:acme", name: "shop", grant: { full: true } });
    const reply = await patwarden.port.call(batchCheck, {
      token: patwarden.alice.secret,
      items: [
        { resource: "document:roadmap", action: "viewer" },
        { resource: "document:payroll", action: "viewer" },
        { resource: "document:", action: "viewer" },
        { resource: "document:price-list", action: "viewer", token: acme.secret },
        { resource: "invoice:1", action: "viewer" },
        { resource: "document:roadmap", action: "viewer", token: "nonsense" },
        { resource: "document:roadmap", action: "viewer", consistency: Consistency.HIGHER_CONSISTENCY },
      ],
    });
    if (!reply.ok) throw new Error(reply.message);
    expect(
      reply.value.results.map(({ result }) =>
        result.case === "decision" ? result.value.reason : result.value?.reason,
      ),
    ).toEqual([
      Reason.ALLOWED,
      Reason.NOT_PERMITTED,
      "INVALID_FIELD",
      Reason.ALLOWED,
      "UNKNOWN_TYPE",
      Reason.TOKEN_MALFORMED,
      Reason.ALLOWED,
    ]);
    const all = await patwarden.port.call(batchCheck, {
      token: patwarden.alice.secret,
      items: Array.from({ length: 500 }, (_, index) => ({
        resource: index % 2 ? "document:roadmap" : `document:none-${index}`,
        action: "viewer",
      })),
    });
    if (!all.ok) throw new Error(all.message);
    expect(all.value.results.map(({ result }) => result.case === "decision" && result.value.allowed)).toEqual(
      Array.from({ length: 500 }, (_, index) => index % 2 === 1),
    );
  });

  it("LI-3 lists every token once, newest first, over pages and filters, without secrets", async () => {
    const made: string[] = [];
    const ends = new Map<string, string>();
    for (let index = 0; index < 7; index++) {
      const { token, secret } = await patwarden.createToken({ subject: `user:lister-${name}`, name: `n${index}` });
      made.unshift(token.id);
      ends.set(token.id, secret.slice(-4));
    }
    await patwarden.port.call(revokeToken, { id: made[3] ?? "" });
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await patwarden.port.call(listTokens, { subject: `user:lister-${name}`, pageSize: 3, pageToken });
      if (!page.ok) throw new Error(page.message);
      seen.push(...page.value.tokens.map(({ id }) => id));
      expect(inspect(page.value.tokens, { depth: null })).not.toMatch(/pw_pat_[0-9A-Za-z]{10}/);
      const hints = page.value.tokens.flatMap(({ secrets }) => secrets.map(({ hint }) => hint));
      expect(hints).toEqual(page.value.tokens.map(({ id }) => `pw_pat_...${ends.get(id)}`));
      pageToken = page.value.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(made);
    const revoked = await patwarden.port.call(listTokens, {
      subject: `user:lister-${name}`,
      states: [Token_State.REVOKED],
    });
    expect(revoked).toMatchObject({ ok: true, value: { tokens: [{ id: made[3] }], nextPageToken: "" } });
  });

  it("LI-7 lists in one order, whatever it is asked by", async () => {
    const made: string[] = [];
    for (let index = 0; index < 4; index++) {
      const { token } = await patwarden.createToken({
        subject: "user:alice",
        name: `n${index}`,
        organization: "organization:acme",
      });
      made.unshift(token.id);
    }
    const listed = async (query: MessageInitShape<typeof listTokens.input>) => {
      const ids: string[] = [];
      let pageToken = "";
      do {
        const page = await patwarden.port.call(listTokens, { ...query, pageToken });
        if (!page.ok) throw new Error(page.message);
        ids.push(...page.value.tokens.map(({ id }) => id));
        pageToken = page.value.nextPageToken;
      } while (pageToken !== "");
      return ids.filter((id) => made.includes(id));
    };
    for (const query of [
      { subject: "user:alice" },
      { organization: "organization:acme" },
      { createdBy: "service:admin" },
      { states: [Token_State.ACTIVE] },
      {},
    ]) {
      for (const pageSize of [3, 1000]) expect(await listed({ ...query, pageSize }), inspect(query)).toEqual(made);
    }
  });

  it("LI-9 takes any printable name, and finds the token by its id", async () => {
    for (const awkward of [
      "Token 2/9/2025",
      '"quoted" <b>ünïcödé</b> 日本 ; drop table token',
      "../..",
      "%2F?a=b#c",
      "tok_01h455vb4pex5vsknk084sn02q",
    ]) {
      const { token } = await patwarden.createToken({ subject: "user:alice", name: awkward });
      const { id } = token;
      const shown = (text: string) => ({ ok: true, value: { token: { id, name: text } } });
      expect(await patwarden.port.call(getToken, { id })).toMatchObject(shown(awkward));
      const renamed = { token: { id, name: `${awkward}!` }, updateMask: { paths: ["name"] } };
      expect(await patwarden.port.call(updateToken, renamed)).toMatchObject(shown(`${awkward}!`));
      expect(await patwarden.port.call(revokeToken, { id })).toMatchObject(shown(`${awkward}!`));
    }
  });

  it("SC-9 refuses a grant that this kind of subject could never use", async () => {
    const before = await patwarden.countTokens();
    const never = { rules: [{ actions: ["member"], resources: ["organization:acme"] }] };
    expect(
      await patwarden.port.call(createToken, { subject: "organization:acme", name: "n", grant: never }),
    ).toMatchObject({
      ok: false,
      code: "FAILED_PRECONDITION",
      reason: "SUBJECT_TYPE_NOT_IN_MODEL",
    });
    expect(await patwarden.countTokens()).toBe(before);
  });

  it("holds a narrowed service to its subjects, lifetime and grant", async () => {
    const key = patwarden.server.keys.narrow;
    const grant = viewDocuments;
    const create = (over: object) =>
      patwarden.port.call(createToken, { subject: "user:bob", name: "n", grant, ...over }, { key });
    const made = await create({});
    if (!made.ok || !made.value.token) throw new Error("no token");
    // The caller's own limit shortens the default lifetime, but a requested lifetime above it is refused.
    expect((made.value.token.expireTime?.seconds ?? 0n) - (made.value.token.createTime?.seconds ?? 0n)).toBe(86_400n);
    expect(await create({ subject: "organization:acme" })).toMatchObject({ ok: false, reason: "CALLER_FORBIDDEN" });
    expect(await create({ claims: { plan: "gold" } })).toMatchObject({
      ok: false,
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: "tokens.claims" },
    });
    for (const [over, limit] of [
      [{ lifetime: { case: "ttl", value: { seconds: 86_401n } } }, "max_lifetime"],
      [{ lifetime: { case: "neverExpires", value: true } }, "max_lifetime"],
      [{ grant: { full: true } }, "max_grant"],
      [{ grant: { rules: [{ actions: ["editor"], resources: ["document:1"] }] } }, "max_grant"],
    ] as const) {
      expect(await create(over)).toMatchObject({
        ok: false,
        code: "FAILED_PRECONDITION",
        reason: "POLICY_VIOLATION",
        metadata: { limit, scope: "caller" },
      });
    }
    // LI-1: a token that the service may not see looks like a token that does not exist.
    const { token } = await patwarden.createToken({ subject: "organization:acme", name: "foreign" });
    const missing = await patwarden.port.call(getToken, { id: "tok_01h455vb4pex5vsknk084sn02q" }, { key });
    for (const method of [getToken, revokeToken] as const) {
      expect(await patwarden.port.call(method as typeof getToken, { id: token.id }, { key })).toEqual(missing);
    }
    const listed = await patwarden.port.call(listTokens, { pageSize: 1000 }, { key });
    if (!listed.ok) throw new Error(listed.message);
    expect(listed.value.tokens.length).toBeGreaterThan(0);
    expect(listed.value.tokens.every(({ subject }) => subject.startsWith("user:"))).toBe(true);
  });

  it("honours the caller's deadline", async () => {
    const reply = await patwarden.port.call(
      check,
      { token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" },
      { timeoutMs: 0 },
    );
    expect(reply).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
  });
});

it("SE-1 the secret is in one response, and in no log line and no row", async () => {
  const patwarden = engines.PostgreSQL;
  const { secret } = await patwarden.createToken({ subject: "user:alice", name: "canary", grant: { full: true } });
  for (const port of patwarden.server.ports) {
    await port.call(check, { token: secret, resource: "document:roadmap", action: "viewer" });
    await port.call(check, { token: secret, resource: "document:", action: "viewer" });
    await port.call(check, { token: `${secret}x`, resource: "document:1", action: "viewer" });
    await port.call(check, { token: secret, resource: "document:1", action: "viewer" }, { key: secret });
    await port.call(getToken, { id: secret });
    await port.call(listTokens, { pageToken: secret });
    await port.call(createToken, { subject: secret, name: secret.slice(0, 40) });
  }
  const body = secret.slice(7, -6);
  expect(patwarden.server.log()).toContain("listening");
  expect(patwarden.server.log()).not.toContain(body);
  expect(patwarden.server.log()).not.toContain(patwarden.server.keys.admin);
  expect(await patwarden.dump()).not.toContain(body);
  expect(await patwarden.metrics()).not.toContain(body);
});

describe("credentials in addresses", () => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines.PostgreSQL;
  });
  /** A token and a service key, each complete. */
  const credentials = () => [patwarden.alice.secret, patwarden.server.keys.admin];
  const bodies = () => credentials().map((secret) => secret.slice(7, -6));
  const path = `${check.parent.typeName}/${check.name}`;

  it("SE-3 takes no credential from a query or a path over HTTP, repeats none and logs none", async () => {
    const question = JSON.stringify({ token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });
    const before = patwarden.server.log().length;
    const refused = () => patwarden.server.log().slice(before).split("CALLER_UNAUTHENTICATED").length - 1;
    for (const secret of credentials()) {
      for (const [method, url, status] of [
        ["POST", `${path}?access_token=${secret}`, 401],
        ["POST", `${path}?authorization=Bearer%20${secret}`, 401],
        ["POST", `${path}?api_key=${secret}`, 401],
        ["GET", `${path}?token=${secret}`, 405],
        ["GET", `${path}?connect=v1&encoding=json&message=${encodeURIComponent(question)}`, 405],
        ["POST", `${check.parent.typeName}/${secret}`, 404],
        ["POST", secret, 404],
        ["GET", `readyz?token=${secret}`, 200],
        ["GET", `livez/${secret}`, 404],
      ] as const) {
        const response = await fetch(`${patwarden.server.http}/${url}`, {
          method,
          headers: { "content-type": "application/json" },
          ...(method === "POST" && { body: question }),
        });
        expect([url, response.status]).toEqual([url, status]);
        const answer = `${await response.text()} ${JSON.stringify([...response.headers])}`;
        for (const body of bodies()) expect(answer).not.toContain(body);
      }
    }
    await expect.poll(refused, { timeout: 10_000, interval: 20 }).toBe(6);
    for (const body of bodies()) expect(patwarden.server.log()).not.toContain(body);
  });

  it("SE-3 takes no credential from a path over gRPC, and logs none", async () => {
    const client = new grpc.Client(patwarden.server.grpc, grpc.credentials.createInsecure());
    try {
      for (const secret of credentials()) {
        for (const name of [
          `/${path}?access_token=${secret}`,
          `/${check.parent.typeName}/${secret}`,
          `/${secret}/Check`,
        ]) {
          const error = await new Promise<grpc.ServiceError | null>((resolve) => {
            const raw = (bytes: Buffer): Buffer => bytes;
            client.makeUnaryRequest(name, raw, raw, Buffer.alloc(0), (failed) => resolve(failed));
          });
          expect(error?.code).toBe(grpc.status.UNIMPLEMENTED);
        }
      }
    } finally {
      client.close();
    }
    for (const body of bodies()) expect(patwarden.server.log()).not.toContain(body);
  });
});

describe("a secret that was shown", () => {
  const services = [AuthorizationService, TokenService, SubjectService, PolicyService, AuditService];

  /** Returns the paths of all text fields of a message whose name suggests a secret. */
  function secretFields(message: DescMessage, seen: ReadonlySet<DescMessage> = new Set()): readonly string[] {
    if (seen.has(message)) return [];
    return message.fields.flatMap((field) => {
      if (field.message) {
        return secretFields(field.message, new Set([...seen, message])).map((path) => `${field.name}.${path}`);
      }
      return field.scalar === ScalarType.STRING && /secret|key|token$/.test(field.name) ? [field.name] : [];
    });
  }

  it("SE-4 no answer but those that make a secret has a field for one", () => {
    const answers = services
      .flatMap(({ methods }) => methods)
      .flatMap(({ name, output }) => secretFields(output).map((path) => `${name} ${path}`));
    expect(answers).toEqual([
      "CreateToken secret",
      "ListTokens next_page_token",
      "RotateToken secret",
      "ListSubjects next_page_token",
      "ListAuditEvents next_page_token",
    ]);
  });

  it("SE-4 no call shows a secret again, and a repeat under its request_id only for ten minutes", async () => {
    const patwarden = engines.PostgreSQL;
    const request = { subject: "user:alice", name: "n", grant: { full: true }, requestId: randomUUID() };
    const { token, secret } = await patwarden.createToken(request);
    const sql = postgres(patwarden.databaseUrl, { max: 1 });
    try {
      await sql`update request set created_at = created_at - interval '10 minutes' where request_id = ${request.requestId}`;
    } finally {
      await sql.end();
    }
    const { id } = token;
    for (const port of patwarden.server.ports) {
      const answers = [
        await port.call(createToken, request),
        await port.call(getToken, { id }),
        await port.call(listTokens, { subject: "user:alice", pageSize: 1000 }),
        await port.call(updateToken, { token: { id, name: "m" }, updateMask: { paths: ["name"] } }),
        await port.call(introspect, { token: secret }),
        await port.call(introspect, {}, { key: secret }),
        await port.call(AuditService.method.listAuditEvents, { tokenId: id }),
        await port.call(AuditService.method.listAuditEvents, { secretSha256: hashOf(secret) }),
        await port.call(rotateToken, { id, grace: { seconds: 60n } }),
      ];
      expect(answers.map(({ ok }) => ok)).toEqual([false, ...Array(8).fill(true)]);
      expect(answers[0]).toMatchObject({ reason: "REQUEST_ID_REUSED", metadata: { tokenId: id } });
      expect(inspect(answers, { depth: null, maxArrayLength: null })).not.toContain(secret.slice(7, -6));
    }
  });
});
