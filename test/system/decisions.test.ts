import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReason, type Token, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type MainJob, type MainJobSettings, startMainJob } from "../kit/main-job.js";
import type { Port } from "../kit/ports.js";

const { check, batchCheck, introspect } = AuthorizationService.method;
const { createToken, getToken, listTokens, revokeToken } = TokenService.method;

let jobs: Readonly<Record<"PostgreSQL" | "PGlite", MainJob>>;
/** The one of the tests that run now. */
let job: MainJob;
const grid = (["gRPC", "HTTP"] as const).flatMap((port) =>
  (["PostgreSQL", "PGlite"] as const).map((engine) => [port, engine] as const),
);
beforeAll(async () => {
  const settings: MainJobSettings = {};
  jobs = {
    PostgreSQL: await startMainJob({ ...settings, engine: "PostgreSQL" }),
    PGlite: await startMainJob({ ...settings, engine: "PGlite" }),
  };
  job = jobs.PostgreSQL;
});
afterAll(async () => {
  for (const one of Object.values(jobs)) await one.stop();
});

const seconds = (date: Date): bigint => BigInt(Math.floor(date.getTime() / 1000));
const inAnHour = (): bigint => seconds(new Date()) + 3600n;
const viewDocuments = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };

describe.each(grid)("over %s on %s", (name, engine) => {
  beforeAll(() => {
    job = jobs[engine];
  });

  const port = (): Port => {
    const found = job.server.ports.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no ${name} port`);
    return found;
  };
  const reasonOf = async (token: string, resource = "document:roadmap", action = "viewer", clientIp = "") => {
    const reply = await port().call(check, { token, resource, action, context: { clientIp } });
    if (!reply.ok) throw new Error(`${reply.code} ${reply.reason}`);
    return reply.value.reason;
  };

  it("runs the main job: a user's and an organization's token, allowed, denied, revoked, refused", async () => {
    const alice = await job.createToken({ subject: "user:alice", name: "laptop", grant: viewDocuments });
    const acme = await job.createToken({ subject: "organization:acme", name: "shop", grant: { full: true } });
    expect(alice.secret).toMatch(/^pw_pat_[0-9A-Za-z]{49}$/);
    expect(acme.secret).toMatch(/^pw_oat_[0-9A-Za-z]{49}$/);
    expect(
      await port().call(check, { token: alice.secret, resource: "document:roadmap", action: "viewer" }),
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
      await port().call(check, { token: acme.secret, resource: "document:price-list", action: "viewer" }),
    ).toMatchObject({
      ok: true,
      value: { allowed: true, subject: "organization:acme" },
    });
    expect(await reasonOf(alice.secret, "document:payroll")).toBe(Reason.NOT_PERMITTED);
    expect(await reasonOf(alice.secret, "document:roadmap", "editor")).toBe(Reason.NOT_GRANTED);
    expect(await reasonOf(acme.secret, "document:roadmap")).toBe(Reason.NOT_PERMITTED);

    const revoked = await port().call(revokeToken, { id: alice.token.id, reason: RevocationReason.LEAKED });
    expect(revoked).toMatchObject({
      ok: true,
      value: {
        token: { state: Token_State.REVOKED, usable: Reason.TOKEN_REVOKED, revocationReason: RevocationReason.LEAKED },
      },
    });
    expect(
      await port().call(check, { token: alice.secret, resource: "document:roadmap", action: "viewer" }),
    ).toMatchObject({
      ok: true,
      // Recognized, so that a backend can tell its user which key it was.
      value: { allowed: false, tokenValid: false, reason: Reason.TOKEN_REVOKED, tokenId: alice.token.id, claims: {} },
    });
    expect(await reasonOf(acme.secret, "document:price-list")).toBe(Reason.ALLOWED);
    // RV-17 and idempotence: get and a repeated revoke say the same as the first.
    const again = await port().call(revokeToken, { id: alice.token.id, reason: RevocationReason.REQUESTED });
    expect(again).toEqual({ ...revoked, headers: expect.anything() });
    expect(await port().call(getToken, { id: alice.token.id })).toMatchObject({
      ok: true,
      value: { token: { state: Token_State.REVOKED, revocationReason: RevocationReason.LEAKED } },
    });
  });

  it("RV-1 RV-6 denies on the Check after the revocation, whatever was checked before", async () => {
    const { token, secret } = await job.createToken({ subject: "user:alice", name: "n", grant: { full: true } });
    for (let round = 0; round < 3; round++) expect(await reasonOf(secret)).toBe(Reason.ALLOWED);
    await port().call(revokeToken, { id: token.id });
    expect(await reasonOf(secret)).toBe(Reason.TOKEN_REVOKED);
  });

  it("judges times by the clock: not yet valid, expired, EX-8 never expiring", async () => {
    const early = await job.createToken({
      subject: "user:alice",
      name: "early",
      grant: { full: true },
      notBefore: { seconds: inAnHour() },
    });
    expect(await reasonOf(early.secret)).toBe(Reason.TOKEN_NOT_YET_VALID);
    expect(early.token).toMatchObject({ state: Token_State.ACTIVE, usable: Reason.TOKEN_NOT_YET_VALID });
    const short = await job.createToken({
      subject: "user:alice",
      name: "short",
      grant: { full: true },
      lifetime: { case: "ttl", value: { seconds: 1n } },
    });
    await expect.poll(() => reasonOf(short.secret), { timeout: 10_000, interval: 50 }).toBe(Reason.TOKEN_EXPIRED);
    const got = await port().call(getToken, { id: short.token.id });
    expect(got).toMatchObject({
      ok: true,
      value: { token: { state: Token_State.EXPIRED, usable: Reason.TOKEN_EXPIRED } },
    });
    const endless = await job.createToken({
      subject: "user:alice",
      name: "endless",
      grant: { full: true },
      lifetime: { case: "neverExpires", value: true },
    });
    expect(endless.token).toMatchObject({ neverExpires: true });
    expect(endless.token.expireTime).toBeUndefined();
    expect(await reasonOf(endless.secret)).toBe(Reason.ALLOWED);
  });

  it("EX-1 EX-3 echoes the lifetime: what was asked, or the documented 90 days", async () => {
    const lifetime = ({ createTime, expireTime }: Token): bigint =>
      (expireTime?.seconds ?? 0n) - (createTime?.seconds ?? 0n);
    const asked = await port().call(createToken, {
      subject: "user:alice",
      name: "half an hour",
      lifetime: { case: "ttl", value: { seconds: 1800n } },
    });
    if (!asked.ok || !asked.value.token) throw new Error("no token");
    expect(lifetime(asked.value.token)).toBe(1800n);
    const defaulted = await port().call(createToken, { subject: "user:alice", name: "default" });
    if (!defaulted.ok || !defaulted.value.token) throw new Error("no token");
    expect(lifetime(defaulted.value.token)).toBe(90n * 86_400n);
    // EX-4: a date months ahead is honoured to the millisecond.
    const date = { seconds: inAnHour() + 10_000_000n, nanos: 123_000_000 };
    const dated = await port().call(createToken, {
      subject: "user:alice",
      name: "date",
      lifetime: { case: "expireTime", value: date },
    });
    expect(dated).toMatchObject({ ok: true, value: { token: { expireTime: date } } });
  });

  it("IP-3 enforces address ranges, unwraps mapped addresses and refuses an unknown one", async () => {
    const { secret } = await job.createToken({
      subject: "user:alice",
      name: "office",
      grant: { full: true },
      allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"],
    });
    const from = (clientIp: string) => reasonOf(secret, "document:roadmap", "viewer", clientIp);
    for (const inside of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"]) {
      expect(await from(inside)).toBe(Reason.ALLOWED);
    }
    for (const outside of ["", "192.0.3.7", "2001:db9::1"]) {
      expect(await from(outside)).toBe(Reason.NETWORK_NOT_ALLOWED);
    }
    expect(await port().call(introspect, { token: secret })).toMatchObject({
      ok: true,
      value: { active: false, reason: Reason.NETWORK_NOT_ALLOWED },
    });
  });

  it("SC-8 denies everything to a token without rules, and SC-12 lets it identify itself", async () => {
    const { token, secret } = await job.createToken({ subject: "user:alice", name: "empty" });
    expect(await reasonOf(secret)).toBe(Reason.NOT_GRANTED);
    expect(await port().call(introspect, { token: secret })).toMatchObject({
      ok: true,
      value: { active: true, token: { id: token.id, subject: "user:alice" } },
    });
  });

  it("gives claims back when asked, and the holder's metadata never outside TokenService", async () => {
    const { token, secret } = await job.createToken({
      subject: "user:alice",
      name: "labelled",
      grant: { full: true },
      metadata: { note: "private" },
      claims: { plan: "gold", region: "eu" },
    });
    const ask = (claims: string[]) =>
      port().call(check, { token: secret, resource: "document:roadmap", action: "viewer", claims });
    expect(await ask([])).toMatchObject({ ok: true, value: { claims: {} } });
    expect(await ask(["plan", "unknown"])).toMatchObject({ ok: true, value: { claims: { plan: "gold" } } });
    expect(await ask(["*"])).toMatchObject({ ok: true, value: { claims: { plan: "gold", region: "eu" } } });
    const introspected = await port().call(introspect, { token: secret });
    expect(introspected).toMatchObject({ ok: true, value: { token: { claims: { plan: "gold" }, metadata: {} } } });
    expect(await port().call(getToken, { id: token.id })).toMatchObject({
      ok: true,
      value: { token: { metadata: { note: "private" } } },
    });
  });

  it("answers a batch item by item, in order, with defaults and overrides", async () => {
    const acme = await job.createToken({ subject: "organization:acme", name: "shop", grant: { full: true } });
    const reply = await port().call(batchCheck, {
      token: job.alice.secret,
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
    const all = await port().call(batchCheck, {
      token: job.alice.secret,
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

  it("lists every token once, newest first, over pages and filters; LI-3 without secrets", async () => {
    const made: string[] = [];
    for (let index = 0; index < 7; index++) {
      const { token } = await job.createToken({ subject: `user:lister-${name}`, name: `n${index}` });
      made.unshift(token.id);
    }
    await port().call(revokeToken, { id: made[3] ?? "" });
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await port().call(listTokens, { subject: `user:lister-${name}`, pageSize: 3, pageToken });
      if (!page.ok) throw new Error(page.message);
      seen.push(...page.value.tokens.map(({ id }) => id));
      expect(inspect(page.value.tokens, { depth: null })).not.toMatch(/pw_pat_[0-9A-Za-z]{10}/);
      pageToken = page.value.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(made);
    const revoked = await port().call(listTokens, { subject: `user:lister-${name}`, states: [Token_State.REVOKED] });
    expect(revoked).toMatchObject({ ok: true, value: { tokens: [{ id: made[3] }], nextPageToken: "" } });
  });

  it("SC-9 refuses a grant that this kind of subject could never use", async () => {
    const before = await job.countTokens();
    const never = { rules: [{ actions: ["member"], resources: ["organization:acme"] }] };
    expect(await port().call(createToken, { subject: "organization:acme", name: "n", grant: never })).toMatchObject({
      ok: false,
      code: "FAILED_PRECONDITION",
      reason: "SUBJECT_TYPE_NOT_IN_MODEL",
    });
    expect(await job.countTokens()).toBe(before);
  });

  it("holds a narrowed service to its subjects, lifetime and grant", async () => {
    const key = job.server.keys.narrow;
    const grant = viewDocuments;
    const create = (over: object) =>
      port().call(createToken, { subject: "user:bob", name: "n", grant, ...over }, { key });
    const made = await create({});
    if (!made.ok || !made.value.token) throw new Error("no token");
    // The default lifetime gives way to the caller's own ceiling; a lifetime that was asked for does not.
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
    // LI-1: what it may not know of looks like what is not there.
    const { token } = await job.createToken({ subject: "organization:acme", name: "foreign" });
    const missing = await port().call(getToken, { id: "tok_01h455vb4pex5vsknk084sn02q" }, { key });
    for (const method of [getToken, revokeToken] as const) {
      expect(await port().call(method as typeof getToken, { id: token.id }, { key })).toEqual(missing);
    }
    const listed = await port().call(listTokens, { pageSize: 1000 }, { key });
    if (!listed.ok) throw new Error(listed.message);
    expect(listed.value.tokens.length).toBeGreaterThan(0);
    expect(listed.value.tokens.every(({ subject }) => subject.startsWith("user:"))).toBe(true);
  });

  it("honours the caller's deadline", async () => {
    const reply = await port().call(
      check,
      { token: job.alice.secret, resource: "document:roadmap", action: "viewer" },
      { timeoutMs: 0 },
    );
    expect(reply).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
  });
});

it("LI-9 takes any printable name", async () => {
  const name = 'Token 2/9/2025 "quoted" <b>ünïcödé</b> 日本 ; drop';
  expect((await job.createToken({ subject: "user:alice", name })).token.name).toBe(name);
});

it("SE-1 the secret stands in one response, and in no log line and no row", async () => {
  job = jobs.PostgreSQL;
  const { secret } = await job.createToken({ subject: "user:alice", name: "canary", grant: { full: true } });
  for (const port of job.server.ports) {
    await port.call(check, { token: secret, resource: "document:roadmap", action: "viewer" });
    await port.call(check, { token: secret, resource: "document:", action: "viewer" });
    await port.call(check, { token: `${secret}x`, resource: "document:1", action: "viewer" });
    await port.call(check, { token: secret, resource: "document:1", action: "viewer" }, { key: secret });
    await port.call(getToken, { id: secret });
    await port.call(listTokens, { pageToken: secret });
    await port.call(createToken, { subject: secret, name: secret.slice(0, 40) });
  }
  const body = secret.slice(7, -6);
  expect(job.server.log()).toContain("listening");
  expect(job.server.log()).not.toContain(body);
  expect(job.server.log()).not.toContain(job.server.keys.admin);
  expect(await job.dump()).not.toContain(body);
  expect(await job.metrics()).not.toContain(body);
});
