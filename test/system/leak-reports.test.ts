import { createHash, randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReason, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { FaultProxy } from "../kit/proxy.js";
import { type RawReply, sendRaw } from "../kit/raw-http.js";
import { makeScanningKey, startScanningProvider, type TestProvider } from "../kit/scanning-provider.js";
import type { Server } from "../kit/server.js";
import { startWebhookReceiver, type WebhookReceiver } from "../kit/webhook-receiver.js";

const settled = { timeout: 20_000, interval: 50 };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

let github: TestProvider;
let gitlab: TestProvider;
let webhook: WebhookReceiver;
let patwarden: Patwarden;
let other: Server;
let database: FaultProxy;
beforeAll(async () => {
  [github, gitlab, webhook] = await Promise.all([
    startScanningProvider(),
    startScanningProvider(),
    startWebhookReceiver(),
  ]);
  const config = {
    public_http: { listen: "127.0.0.1:0" },
    token_cache: { lease: "2s" },
    integrations: {
      leaks: {
        report: true,
        github: { enabled: true, keys_url: github.url, token: "ghp_canary" },
        gitlab: { enabled: true, keys_url: gitlab.url },
        notify_only: ["organization:globex"],
        webhook: { url: webhook.url, key: webhook.key },
      },
    },
  };
  patwarden = await startPatwarden({ config });
  database = patwarden.faults.database;
  const { storeId, admin } = patwarden.openfga;
  await admin.writeTuples(storeId, [{ user: "user:alice", relation: "member", object: "organization:globex" }]);
  other = await patwarden.startReplica({ config });
});
afterAll(async () => {
  await other.stop();
  await patwarden.stop();
  await Promise.all([github.stop(), gitlab.stop(), webhook.stop()]);
});

const create = (over: object = {}) =>
  patwarden.createToken({ subject: "user:alice", name: "ci", grant: { full: true }, ...over });
const reasonAt = async (server: Server, { secret }: IssuedToken): Promise<Reason | string | undefined> => {
  const question = { token: secret, resource: "document:roadmap", action: "viewer" };
  const reply = await server.port("gRPC").call(AuthorizationService.method.check, question);
  return reply.ok ? reply.value.reason : reply.reason;
};
/** Makes both replicas cache the records. */
const warm = async (...tokens: readonly IssuedToken[]): Promise<void> => {
  for (const token of tokens)
    for (const server of [patwarden.server, other]) expect(await reasonAt(server, token)).toBe(Reason.ALLOWED);
};
const eventsOf = async ({ token: { id } }: IssuedToken) => {
  const reply = await patwarden.port.call(AuditService.method.listAuditEvents, { tokenId: id });
  if (!reply.ok) throw new Error(reply.message);
  return reply.value.events.filter(({ action }) => action !== "token.created");
};
const told = ({ token: { id } }: IssuedToken) => webhook.received.filter(({ event }) => event["token_id"] === id);

const entry = (token: string, over: object = {}) => ({ type: "patwarden_token", token, url: "", source: "", ...over });
const send = (body: string, headers: readonly (readonly [string, string])[], server = patwarden.server) =>
  sendRaw(server.publicHttp, { method: "POST", target: "/secret-scanning", headers, body });
const scan = (entries: readonly object[], server = patwarden.server): Promise<RawReply> => {
  const body = JSON.stringify(entries);
  return send(body, github.sign(body), server);
};

const report = (body: string, type = "application/json", server = patwarden.server) =>
  sendRaw(server.publicHttp, { method: "POST", target: "/report-leak", headers: [["Content-Type", type]], body });

describe("a report by a secret-scanning program", () => {
  it("SS-3 ends a token on every replica before it is answered, and notifies once", async () => {
    const leaked = await create({ organization: "organization:acme", name: "leaked" });
    const url = "https://github.com/example/repository/blob/main/a.env";
    await warm(leaked);
    const reply = await scan([entry(leaked.secret, { url, source: "commit" })]);
    expect(reply.status).toBe(200);
    expect(await reasonAt(other, leaked)).toBe(Reason.TOKEN_REVOKED);
    expect(await reasonAt(patwarden.server, leaked)).toBe(Reason.TOKEN_REVOKED);
    await expect.poll(() => told(leaked).length, settled).toBe(1);

    const [{ id, event } = { id: "", event: {} }] = told(leaked);
    expect(id).toBe(`leak-${leaked.token.id}`);
    expect(event).toEqual({
      type: "token.leaked",
      token_id: leaked.token.id,
      subject: "user:alice",
      organization: "organization:acme",
      name: "leaked",
      hint: leaked.token.secrets[0]?.hint,
      created_by: "service:admin",
      reporter: "github",
      source: "commit",
      url,
      revoked: true,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    const [audited, ...more] = await eventsOf(leaked);
    expect(more).toEqual([]);
    expect(audited).toMatchObject({ action: "token.revoked", actor: "provider:github", clientIp: "127.0.0.1" });
    expect(audited?.details).toMatchObject({ url, source: "commit" });
    expect(audited?.details["revocation.after"]).toContain('"LEAKED"');
    const shown = await patwarden.port.call(TokenService.method.getToken, { id: leaked.token.id });
    expect(shown.ok && shown.value.token?.revocationReason).toBe(RevocationReason.LEAKED);

    // A second report, sent to the other replica, adds nothing.
    expect((await scan([entry(leaked.secret, { url: "https://example.com/again" })], other)).status).toBe(200);
    const later = await create();
    expect((await scan([entry(later.secret)], other)).status).toBe(200);
    await expect.poll(() => told(later).length, settled).toBe(1);
    expect(told(leaked)).toHaveLength(1);
    expect(await eventsOf(leaked)).toHaveLength(1);
    expect(webhook.forged).toBe(0);
  });

  it.each([
    ["/secret-scanning", 200],
    ["/report-leak", 202],
  ])(
    "SS-3 is answered at %s only when a replica that stands still can no longer use what it knew",
    async (integration, status) => {
      const leaked = await create();
      await warm(leaked);
      other.child.kill("SIGSTOP");
      const sql = postgres(patwarden.databaseUrl, { max: 1 });
      try {
        const reply = integration.endsWith("scanning")
          ? await scan([entry(leaked.secret)])
          : await report(JSON.stringify({ credentials: [leaked.secret] }));
        expect(reply.status).toBe(status);
        const behind = await sql`select from replica_lease
        where acked_epoch < (select epoch from revocation_epoch)`;
        expect(behind).toHaveLength(0);
      } finally {
        other.child.kill("SIGCONT");
        await sql.end();
      }
      expect(await reasonAt(other, leaked)).toBe(Reason.TOKEN_REVOKED);
    },
  );

  it("SS-2 accepts usable, ended, foreign and garbage texts together, each as often as it comes", async () => {
    const [live, revoked, rotated, inGrace, expired] = await Promise.all([
      create(),
      create(),
      create(),
      create(),
      create({ lifetime: { case: "ttl", value: { seconds: 1n, nanos: 0 } } }),
    ]);
    const port = patwarden.port;
    await port.call(TokenService.method.revokeToken, { id: revoked.token.id });
    await port.call(TokenService.method.rotateToken, { id: rotated.token.id });
    const grace = { seconds: 3600n, nanos: 0 };
    await port.call(TokenService.method.rotateToken, { id: inGrace.token.id, grace });
    await expect.poll(() => reasonAt(patwarden.server, expired), settled).toBe(Reason.TOKEN_EXPIRED);
    const foreign = new PepperRing("pw", [{ version: 1, key: randomBytes(32), active: true }]).mint("pat").text;
    const ours = [live, revoked, rotated, inGrace, expired].map(({ secret }) => secret);
    const texts = [...ours, foreign, "garbage", "", live.secret, `${live.secret} `];
    const urls = texts.map((_, index) => `https://example.com/${index}`);

    const reply = await scan(texts.map((text, index) => entry(text, { url: urls[index], type: `type ${index}` })));
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toEqual(
      texts.map((text, index) => ({
        token_hash: sha256(text),
        token_type: `type ${index}`,
        label: ours.includes(text) ? "true_positive" : "false_positive",
      })),
    );
    // A secret that was rotated out does not end its token; one in its grace does. An expired token is ended too, since
    // it could be extended.
    const ended = new Map([
      [live, "https://example.com/0"],
      [inGrace, "https://example.com/3"],
      [expired, "https://example.com/4"],
    ]);
    for (const token of [live, revoked, rotated, inGrace, expired]) {
      const events = (await eventsOf(token)).filter(({ actor }) => actor === "provider:github");
      expect(events.map(({ details }) => details["url"])).toEqual(ended.has(token) ? [ended.get(token)] : []);
    }
    for (const token of ended.keys()) {
      await expect.poll(() => told(token).length, settled).toBe(1);
      expect(told(token)[0]?.event["url"]).toBe(ended.get(token));
    }
    for (const token of [revoked, rotated]) expect(told(token)).toEqual([]);
  });

  it("does not revoke tokens of an organization in notify_only, its own and those bound to it, and notifies once", async () => {
    const own = await create({ subject: "organization:globex" });
    const bound = await create({ organization: "organization:globex" });
    for (let time = 0; time < 2; time++)
      expect((await scan([entry(own.secret), entry(bound.secret)])).status).toBe(200);
    expect(await reasonAt(other, bound)).toBe(Reason.ALLOWED);
    for (const token of [own, bound]) {
      expect(await eventsOf(token)).toMatchObject([{ action: "token.leaked", actor: "provider:github" }]);
      await expect.poll(() => told(token).length, settled).toBe(1);
      expect(told(token)[0]?.event).toMatchObject({ organization: "organization:globex", revoked: false });
    }
  });

  it("stores a link without deceptive parts and secrets, up to a limited length", async () => {
    const leaked = await create();
    const url = `https://example.com/?t=${leaked.secret}&a=\u202e\0${"x".repeat(3_000)}`;
    expect((await scan([entry(leaked.secret, { url, source: "s\n".repeat(1_000) })])).status).toBe(200);
    await expect.poll(() => told(leaked).length, settled).toBe(1);
    const event = told(leaked)[0]?.event;
    expect(event?.["url"]).toMatch(/^https:\/\/example\.com\/\?t=pw_pat_\*\*\*&a=x{1800,2000}$/);
    expect(event?.["source"]).toBe("s".repeat(100));
    for (const text of [JSON.stringify(webhook.received), patwarden.server.log(), other.log(), await patwarden.dump()])
      expect(text.includes(leaked.secret.slice(7, 40))).toBe(false);
  });

  it("SS-1 accepts only the bytes that were signed, by a published key", async () => {
    const { secret, token } = await create();
    const body = JSON.stringify([entry(secret)]);
    const signed = github.sign(body);
    const [[, id = ""] = [], [, signature = ""] = []] = signed;
    const stranger = makeScanningKey();
    const cases: readonly [string, string, readonly (readonly [string, string])[]][] = [
      ["a changed body", body.replace("patwarden_token", "patwarden-token"), signed],
      ["a body that was written again", JSON.stringify(JSON.parse(body), null, 1), signed],
      ["no body", "", signed],
      ["no signature", body, signed.slice(0, 1)],
      ["no key", body, signed.slice(1)],
      ["nothing", body, []],
      ["a stranger's key", body, github.sign(body, { key: stranger })],
      ["a stranger's signature", body, github.sign(body, { key: { ...stranger, id } })],
      [
        "garbage for a signature",
        body,
        [
          ["Github-Public-Key-Identifier", id],
          ["Github-Public-Key-Signature", "AAAA"],
        ],
      ],
      [
        "no base64",
        body,
        [
          ["Github-Public-Key-Identifier", id],
          ["Github-Public-Key-Signature", `${signature}!`],
        ],
      ],
      ["both providers", body, [...signed, ...gitlab.sign(body, { name: "Gitlab" })]],
      ["a second signature", body, [...signed, ["Github-Public-Key-Signature", signature]]],
      ["the names of the other provider", body, github.sign(body, { name: "Gitlab" })],
    ];
    for (const [what, sent, headers] of cases) {
      const reply = await send(sent, headers);
      expect([what, reply.status, JSON.parse(reply.body).code]).toEqual([what, 401, "unauthenticated"]);
    }
    const alive = await patwarden.port.call(TokenService.method.getToken, { id: token.id });
    expect(alive.ok && alive.value.token?.revokeTime).toBeUndefined();
    expect((await send(body, signed)).status).toBe(200);
    expect(github.authorization).toBe("Bearer ghp_canary");
  });

  it("SS-1 B2 fetches keys for made-up names three times at most, and then once a minute", async () => {
    const body = JSON.stringify([]);
    const known = () => send(body, gitlab.sign(body, { name: "Gitlab" }));
    expect((await known()).status).toBe(200);
    const [before = 0] = gitlab.fetches;
    for (let round = 0; round < 5; round++) {
      const flood = Array.from({ length: 10 }, () => gitlab.sign(body, { name: "Gitlab", key: makeScanningKey() }));
      const answers = await Promise.all(flood.map((headers) => send(body, headers)));
      // 503 when the server cannot know whether a key is made up or new.
      for (const { status } of answers) expect([401, 503]).toContain(status);
    }
    expect((gitlab.fetches[0] ?? 0) - before).toBeLessThanOrEqual(3);
    expect((await known()).status).toBe(200);
  });

  it("answers 503 while the provider's keys cannot be fetched, and goes on by itself", async () => {
    const body = JSON.stringify([]);
    const headers = gitlab.sign(body, { name: "Gitlab" });
    gitlab.answer({ status: 500, text: "" });
    const refused = await send(body, headers, other);
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
    gitlab.answer(undefined);
    await expect.poll(async () => (await send(body, headers, other)).status, settled).toBe(200);
  });

  it("answers GitLab, which signs with other header names, only that it has accepted the report", async () => {
    const leaked = await create();
    const body = JSON.stringify([{ type: "patwarden_token", token: leaked.secret, url: "https://gitlab.com/x" }]);
    const reply = await send(body, gitlab.sign(body, { name: "Gitlab" }));
    expect([reply.status, reply.body]).toEqual([200, ""]);
    expect(await eventsOf(leaked)).toMatchObject([{ action: "token.revoked", actor: "provider:gitlab" }]);
  });

  it.each<[string, number, string]>([
    ["an object", 400, "{}"],
    ["no JSON", 400, "[{"],
    ["an entry without a token", 400, '[{"type":"t","url":""}]'],
    ["a token that is a number", 400, '[{"type":"t","token":1,"url":""}]'],
    ["a text in place of an entry", 400, '["pw_pat_x"]'],
    ["too many entries", 413, JSON.stringify(Array.from({ length: 1_001 }, () => entry("x")))],
    ["more than 1 MiB", 413, JSON.stringify([entry("x".repeat(1024 * 1024))])],
    ["an empty list", 200, "[]"],
    ["a thousand entries", 200, JSON.stringify(Array.from({ length: 1_000 }, () => entry("x")))],
  ])("answers %s, well signed, with %i", async (_, status, body) => {
    expect((await send(body, github.sign(body))).status).toBe(status);
  });

  it("answers 503 while the database is gone, and the same report succeeds later", async () => {
    const leaked = await create();
    database.cut();
    const refused = await scan([entry(leaked.secret)]);
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
    expect(await reasonAt(other, leaked)).toBe(Reason.ALLOWED);
    database.heal();
    await expect.poll(async () => (await scan([entry(leaked.secret)])).status, settled).toBe(200);
    expect(await reasonAt(other, leaked)).toBe(Reason.TOKEN_REVOKED);
    await expect.poll(() => told(leaked).length, settled).toBe(1);
  });
});

describe("a report by anybody", () => {
  const credentials = (...texts: readonly string[]): string => JSON.stringify({ credentials: texts });

  it("SS-3 ends our tokens on every replica, notifies once, and always answers the same", async () => {
    const leaked = await create();
    await warm(leaked);
    const replies = [
      await report(credentials(leaked.secret, leaked.secret, "garbage")),
      await report(credentials("garbage")),
      await report(credentials(leaked.secret)),
      await report(credentials()),
    ];
    for (const reply of replies) expect([reply.status, reply.body]).toEqual([202, "{}"]);
    expect(await reasonAt(other, leaked)).toBe(Reason.TOKEN_REVOKED);
    expect(await eventsOf(leaked)).toMatchObject([
      { action: "token.revoked", actor: "reporter", clientIp: "127.0.0.1" },
    ]);
    await expect.poll(() => told(leaked).length, settled).toBe(1);
    expect(told(leaked)[0]?.event).toMatchObject({ reporter: "anybody", url: "", source: "" });
  });

  it.each<[string, number, string, string?]>([
    ["no JSON", 422, "{"],
    ["an array", 422, "[]"],
    ["null", 422, "null"],
    ["numbers", 422, '{"credentials":[1]}'],
    ["what any page can send", 422, credentials("x"), "text/plain"],
    ["too many", 413, credentials(...Array.from({ length: 1_001 }, () => "x"))],
    ["more than 1 MiB", 413, credentials("x".repeat(1024 * 1024))],
    ["a thousand", 202, credentials(...Array.from({ length: 1_000 }, () => "x"))],
  ])("answers %s with %i", async (_, status, body, type) => {
    expect((await report(body, type)).status).toBe(status);
  });

  it("is admitted 60 times an hour from one address", async () => {
    let admitted = 0;
    let reply = await report("x", undefined, other);
    // On a slow machine, more are accepted when the time for the first one has passed.
    for (; reply.status !== 429 && admitted < 200; reply = await report("x", undefined, other)) admitted += 1;
    expect(admitted).toBeGreaterThanOrEqual(60);
    expect(admitted).toBeLessThan(100);
    expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
  });
});
