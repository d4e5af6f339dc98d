import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { createClock, haveClock, noClock, type TestClock } from "../kit/clock.js";
import { Browser, type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { issuerClient, startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { httpPort } from "../kit/ports.js";
import type { Server } from "../kit/server.js";

const { createToken, listTokens } = TokenService.method;
const { disableSubject, enableSubject, deleteSubject } = SubjectService.method;

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startTestIssuer();
});
afterEach(() => issuer.signIns({}));
afterAll(() => issuer.stop());

const mayCall = async (by: Browser): Promise<boolean> => (await by.call(listTokens, {})).ok;
const configOf = (address: ConsoleAddress, at = issuer) => ({
  issuers: [{ issuer: at.url, audiences: [at.audience], admin: { claim: "role", value: "boss" }, types: ["at+jwt"] }],
  limits: { lists_per_second: 0 },
  public_http: { listen: "127.0.0.1:0" },
  console: consoleConfig(at, address.url),
});
const signedIn = async (address: ConsoleAddress, sub: string, claims: object = {}, at = issuer): Promise<Browser> => {
  const browser = new Browser(address.url);
  at.signIns({ claims: { sub, ...claims } });
  const { status } = await browser.signIn();
  at.signIns({});
  if (status !== 200) throw new Error(`the sign-in ended with ${status}`);
  return browser;
};

describe.each(["PostgreSQL", "PGlite"] as const)("a session of the console on %s", (engine) => {
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  let replica: Server | undefined;
  beforeAll(async () => {
    address = await openConsoleAddress();
    patwarden = await startPatwarden({ engine, config: configOf(address) });
    // Another process cannot open an embedded database.
    replica = engine === "PostgreSQL" ? await patwarden.startReplica({ config: configOf(address) }) : undefined;
    address.lead(...[patwarden.server, ...(replica ? [replica] : [])].map((server) => server.console));
  });
  afterAll(async () => {
    await replica?.stop();
    await patwarden.stop();
    await address.stop();
  });

  it("CS-1 counts only for calls of the console's own pages", async () => {
    const browser = await signedIn(address, "carl");
    expect(await mayCall(browser)).toBe(true);
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "cross-site", origin: address.url },
      { "connect-protocol-version": "" },
      { "connect-protocol-version": "2" },
    ]) {
      expect([headers, await browser.call(listTokens, {}, headers)]).toMatchObject([headers, { ok: false }]);
    }
  });

  it("CS-1 counts by its origin where a browser does not send sec-fetch-site", async () => {
    const browser = await signedIn(address, "carl");
    const cookie = `pw_session=${browser.cookies.get("pw_session")}`;
    const call = async (headers: Record<string, string>) =>
      (await httpPort(address.url, "").call(listTokens, {}, { key: null, headers: { cookie, ...headers } })).ok;
    expect(await call({ origin: address.url })).toBe(true);
    expect(await call({})).toBe(false);
    expect(await call({ origin: "null" })).toBe(false);
    expect(await call({ origin: address.url.replace("127.0.0.1", "localhost") })).toBe(false);
    expect(await call({ origin: `${address.url}.evil.example.com` })).toBe(false);
  });

  it("CS-2 never counts for a form, a GET, gRPC-Web or another content type", async () => {
    const browser = await signedIn(address, "carl");
    const cookie = `pw_session=${browser.cookies.get("pw_session")}`;
    const path = `${address.url}/${TokenService.typeName}/CreateToken`;
    const send = async (init: RequestInit, at = path) => {
      const own = { cookie, "sec-fetch-site": "same-origin", "connect-protocol-version": "1" };
      const response = await fetch(at, { method: "POST", ...init, headers: { ...own, ...init.headers } });
      return response.status;
    };
    const body = JSON.stringify({ name: "forged", grant: { full: true } });
    expect(await send({ body, headers: { "content-type": "text/plain" } })).toBe(415);
    expect(await send({ body: "name=forged", headers: { "content-type": "application/x-www-form-urlencoded" } })).toBe(
      415,
    );
    expect(await send({ method: "GET" }, `${path}?connect=v1&encoding=json&message=%7B%7D`)).toBe(405);
    const preflight = await fetch(path, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example.com", "access-control-request-method": "POST" },
    });
    const allowed = [...preflight.headers.keys()].filter((name) => name.startsWith("access-control"));
    expect([preflight.ok, allowed]).toEqual([false, []]);
    expect(await browser.call(listTokens, { subject: "user:carl" })).toMatchObject({ value: { tokens: [] } });
  });

  it("CS-3 is no second identity: a call with an authorization header is refused", async () => {
    const browser = await signedIn(address, "carl");
    const others = [
      { authorization: `Bearer ${patwarden.server.keys.admin}` },
      { authorization: `Bearer ${await issuer.sign({ sub: "carl" })}` },
      { authorization: "" },
      { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub: "carl" })}` },
    ];
    for (const headers of others) {
      expect(await browser.call(listTokens, {}, headers)).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
      const alone = await new Browser(address.url).call(listTokens, {}, headers);
      expect(alone).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    }
  });

  it("CS-4 is nothing on the other ports", async () => {
    const browser = await signedIn(address, "carl");
    const headers = {
      cookie: `pw_session=${browser.cookies.get("pw_session")}`,
      "sec-fetch-site": "same-origin",
      origin: address.url,
    };
    for (const origin of [patwarden.server.http, patwarden.server.publicHttp]) {
      const reply = await httpPort(origin, "").call(listTokens, {}, { key: null, headers });
      expect(reply).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
      expect((await fetch(`${origin}/sign-in`)).status).toBe(404);
    }
    const grpc = await patwarden.server.port("gRPC").call(listTokens, {}, { key: null, headers });
    expect(grpc).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
  });

  it("gives the rights of a user, of an administrator those of one, and no check", async () => {
    const user = await signedIn(address, "carl");
    const boss = await signedIn(address, "boss", { role: "boss" });
    const asked = [
      (by: Browser) => by.call(PolicyService.method.getPolicy, { scope: "user" }),
      (by: Browser) => by.call(SubjectService.method.getSubject, { subject: "user:alice" }),
      (by: Browser) => by.call(AuditService.method.listAuditEvents, {}),
      (by: Browser) => by.call(listTokens, { subject: "user:alice" }),
    ];
    for (const ask of asked) expect([(await ask(user)).ok, (await ask(boss)).ok]).toEqual([false, true]);
    expect(await user.call(UsageService.method.queryUsage, { subject: "user:carl" })).toMatchObject({ ok: true });
    const check = { token: "x", resource: "document:roadmap", action: "viewer" };
    expect(await boss.call(AuthorizationService.method.check, check)).toMatchObject({
      ok: false,
      message: "no such path",
    });
  });

  it("CS-5 ends by signing out, at every replica, and says where to sign out at the provider", async () => {
    const browser = await signedIn(address, "dora");
    const stolen = browser.copy();
    const answer = await browser.signOut();
    const { location } = (await answer.json()) as { location: string };
    expect(`${location}`).toBe(
      `${issuer.url}logout?${new URLSearchParams({ post_logout_redirect_uri: `${address.url}/signed-out`, client_id: issuerClient.id })}`,
    );
    expect((await browser.follow(location)).url).toBe(`${address.url}/signed-out`);
    expect(browser.cookies.has("pw_session")).toBe(false);
    for (let turn = 0; turn < 2; turn++) expect(await mayCall(stolen)).toBe(false);
    // A repeat is no mistake.
    expect((await stolen.signOut()).status).toBe(200);
  });

  it("CS-6 is not ended by pages of others", async () => {
    const browser = await signedIn(address, "dora");
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { "connect-protocol-version": "" }]) {
      expect((await browser.signOut(headers)).status).toBe(403);
    }
    expect((await fetch(`${address.url}/sign-out`)).status).toBe(405);
    expect(await mayCall(browser)).toBe(true);
  });

  it.each(["disabled", "deleted"] as const)("CS-7 ends when its user is %s, and does not come back", async (what) => {
    const subject = `user:gone-${what}`;
    const browser = await signedIn(address, `gone-${what}`);
    const other = await signedIn(address, "stays");
    expect(await mayCall(browser)).toBe(true);
    if (what === "disabled") await patwarden.ask(disableSubject, { subject });
    else await patwarden.ask(deleteSubject, { subject });
    for (let turn = 0; turn < 2; turn++) expect(await mayCall(browser)).toBe(false);
    expect(await mayCall(other)).toBe(true);
    issuer.signIns({ claims: { sub: `gone-${what}` } });
    const again = new Browser(address.url);
    expect((await again.signIn()).status).toBe(403);
    expect(await mayCall(again)).toBe(false);
    await patwarden.ask(enableSubject, { subject });
    expect(await mayCall(browser)).toBe(false);
    expect((await again.signIn()).status).toBe(200);
    expect(await mayCall(again)).toBe(true);
  });

  it("CS-8 is one of twenty: the twenty-first ends the one that was used longest ago", async () => {
    const first = await signedIn(address, "many");
    const second = await signedIn(address, "many");
    for (let count = 3; count <= 20; count++) await signedIn(address, "many");
    expect([await mayCall(first), await mayCall(second)]).toEqual([true, true]);
    const last = await signedIn(address, "many");
    expect([await mayCall(first), await mayCall(second), await mayCall(last)]).toEqual([false, true, true]);
  });

  it("CS-9 is not found by a cookie that was made up, cut, changed or sent twice", async () => {
    const browser = await signedIn(address, "eve");
    const secret = browser.cookies.get("pw_session") ?? "";
    const other = (await signedIn(address, "eve")).cookies.get("pw_session") ?? "";
    const flipped = `${secret.slice(0, 10)}${secret[10] === "A" ? "B" : "A"}${secret.slice(11)}`;
    for (const cookie of [
      `pw_session=${Buffer.alloc(48, 1).toString("base64url")}`,
      `pw_session=${secret.slice(0, -1)}`,
      `pw_session=${flipped}`,
      `pw_session=${secret}; pw_session=${other}`,
      `__Host-Http-pw_session=${secret}`,
      `PW_SESSION=${secret}`,
      `pw_session`,
      `pw_session=`,
    ]) {
      const reply = await new Browser(address.url).call(listTokens, {}, { cookie });
      expect([cookie.length, reply]).toMatchObject([cookie.length, { reason: "CALLER_UNAUTHENTICATED" }]);
    }
    expect(await mayCall(browser)).toBe(true);
  });

  it("CS-10 leaves its secrets nowhere: not in the log, the audit trail, the database, or an answer", async () => {
    const browser = await signedIn(address, "frank");
    await browser.call(createToken, { name: "n", grant: { full: true } });
    await browser.call(createToken, { name: "" });
    const begun = await browser.open("/sign-in");
    const back = (await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    issuer.signIns({ claims: { nonce: "another" } });
    const page = await (await browser.open(back)).text();
    // The database has bytes as hexadecimal digits. A cookie is 32 random bytes and a MAC.
    const random = Buffer.from(browser.cookies.get("pw_session") ?? "", "base64url").subarray(0, 32);
    const secrets = [
      random.toString("hex"),
      ...[...browser.cookies.values()],
      ...["state", "code"].map((name) => new URL(back).searchParams.get(name) ?? ""),
      ...browser.setCookies.map((line) => /=([^;]*);/.exec(line)?.[1] ?? "").filter((value) => value !== ""),
      issuerClient.secret,
    ];
    const places = [
      page,
      patwarden.server.log(),
      replica?.log() ?? "",
      await patwarden.dump(),
      await patwarden.metrics(),
    ];
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(8);
      for (const place of places) expect(place.includes(secret)).toBe(false);
    }
  });

  it("is not audited before it starts: a page that is opened without one leaves no event", async () => {
    const reply = await new Browser(address.url).call(listTokens, {}, { "x-forwarded-for": "198.51.100.77" });
    expect(reply).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    const user = await signedIn(address, "mallory");
    await user.call(SubjectService.method.getSubject, { subject: "user:alice" });
    const audited = async () => (await patwarden.ask(AuditService.method.listAuditEvents, { pageSize: 1000 })).events;
    // Refusals are written a little later.
    await expect.poll(async () => (await audited()).some(({ actor }) => actor === "user:mallory")).toBe(true);
    const events = await audited();
    expect(events.filter(({ clientIp }) => clientIp === "198.51.100.77")).toEqual([]);
  });

  it("has the address of the client in the audit trail", async () => {
    const browser = await signedIn(address, "grace");
    await browser.call(createToken, { name: "n", grant: { full: true } });
    const { events } = await patwarden.ask(AuditService.method.listAuditEvents, { subject: "user:grace" });
    expect(events[0]).toMatchObject({ actor: "user:grace", clientIp: browser.address });
  });

  it("CS-12 cannot be used while the database is silent, and is not forgotten", async () => {
    if (engine === "PGlite") return;
    const browser = await signedIn(address, "henry");
    address.lead(patwarden.server.console);
    patwarden.faults.database.cut();
    const reply = await browser.call(listTokens, {});
    expect(reply).toMatchObject({ code: "UNAVAILABLE" });
    expect((await new Browser(address.url).signIn()).status).toBe(503);
    patwarden.faults.database.heal();
    await expect.poll(() => mayCall(browser), { timeout: 30_000 }).toBe(true);
  });
});

if (!haveClock()) process.stderr.write(`${noClock}\n`);

describe.skipIf(!haveClock())("the ends of a session", () => {
  let clock: TestClock;
  let provider: TestIssuer;
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  beforeAll(async () => {
    clock = createClock();
    provider = await startTestIssuer({ now: () => new Date(Date.now() + clock.offsetMs) });
    address = await openConsoleAddress();
    // The embedded database has the clock of the server.
    patwarden = await startPatwarden({ engine: "PGlite", config: configOf(address, provider), env: clock.env });
    address.lead(patwarden.server.console);
  });
  afterAll(async () => {
    await patwarden.stop();
    await address.stop();
    await provider.stop();
    clock.remove();
  });
  const minutes = (count: number): number => count * 60_000;
  const bySession = async (by: Browser): Promise<string> => {
    const reply = await by.call(listTokens, {});
    return reply.ok ? "ok" : (reply.reason ?? reply.code);
  };

  it("CS-11 come after half an hour without use, and after eight hours in any case", async () => {
    const idle = await signedIn(address, "idle", {}, provider);
    const busy = await signedIn(address, "busy", {}, provider);
    expect([await bySession(idle), await bySession(busy)]).toEqual(["ok", "ok"]);
    clock.step(minutes(20));
    expect(await bySession(busy)).toBe("ok");
    clock.step(minutes(11));
    expect([await bySession(idle), await bySession(busy)]).toEqual(["CALLER_UNAUTHENTICATED", "ok"]);
    for (let passed = 31; passed < 460; passed += 20) {
      clock.step(minutes(20));
      expect([passed, await bySession(busy)]).toEqual([passed, "ok"]);
    }
    clock.step(minutes(20));
    expect(await bySession(busy)).toBe("CALLER_UNAUTHENTICATED");
  });

  it("CS-11 come after an hour for administrators of the deployment", async () => {
    const boss = await signedIn(address, "boss", { role: ["boss"] }, provider);
    for (const passed of [20, 40, 59]) {
      clock.step(minutes(passed === 59 ? 19 : 20));
      expect([passed, await bySession(boss)]).toEqual([passed, "ok"]);
    }
    clock.step(minutes(1));
    expect(await bySession(boss)).toBe("CALLER_UNAUTHENTICATED");
  });

  it("SI-5 come for a sign-in that takes more than ten minutes before its session starts", async () => {
    const browsers = [new Browser(address.url), new Browser(address.url)];
    const backs: string[] = [];
    for (const browser of browsers) {
      const begun = await browser.open("/sign-in");
      backs.push((await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "");
    }
    clock.step(minutes(9));
    expect((await browsers[0]?.open(backs[0] ?? ""))?.status).toBe(303);
    clock.step(minutes(1));
    expect((await browsers[1]?.open(backs[1] ?? ""))?.status).toBe(400);
  });
});
