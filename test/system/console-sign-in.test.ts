import { SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { Browser, type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { issuerClient, makeSigningKey, type SignIns, startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { Server } from "../kit/server.js";

const { createToken, listTokens } = TokenService.method;
const seconds = (time = Date.now()): number => Math.floor(time / 1000);

describe.each(["PostgreSQL", "PGlite"] as const)("a sign-in to the console on %s", (engine) => {
  let issuer: TestIssuer;
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  let replica: Server | undefined;
  let browser: Browser;
  beforeAll(async () => {
    issuer = await startTestIssuer();
    address = await openConsoleAddress();
    const config = {
      issuers: [
        {
          issuer: issuer.url,
          audiences: [issuer.audience],
          admin: { claim: "role", value: "boss" },
          step_up: { max_age: "10m" },
        },
      ],
      limits: { lists_per_second: 0 },
      console: consoleConfig(issuer, address.url, { authorization_params: { ui_locales: "de" } }),
    };
    patwarden = await startPatwarden({ engine, config });
    // Another process cannot open an embedded database.
    replica = engine === "PostgreSQL" ? await patwarden.startReplica({ config }) : undefined;
    address.lead(...[patwarden.server, ...(replica ? [replica] : [])].map((server) => server.console));
  });
  afterAll(async () => {
    await replica?.stop();
    await patwarden.stop();
    await issuer.stop();
    await address.stop();
  });
  beforeEach(() => {
    browser = new Browser(address.url);
  });
  afterEach(() => {
    issuer.signIns({});
    issuer.set({ kind: "well" });
  });

  const mayCall = async (by: Browser): Promise<boolean> => (await by.call(listTokens, {})).ok;
  const titleOf = async (response: Response): Promise<string> =>
    /<title>(.*)<\/title>/.exec(await response.text())?.[1] ?? "";
  /** Answers the next codes, made up or used, with a valid ID token of alice for a sign-in with this nonce. */
  const answerEveryCode = async (nonce: string | undefined): Promise<void> => {
    const idToken = await issuer.sign({ aud: issuerClient.id, client_id: undefined, nonce }, { typ: "JWT" });
    const body = JSON.stringify({ access_token: "of no use", token_type: "Bearer", id_token: idToken });
    issuer.signIns({ token: { status: 200, body } });
  };
  const log = (): string => `${patwarden.server.log()}${replica?.log() ?? ""}`;

  it("SI-1 starts a session with which the user calls the API, at each replica", async () => {
    expect(await browser.call(listTokens, {})).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    const page = await browser.signIn({ return: "/new?template=ci" });
    expect([page.status, page.url]).toEqual([200, `${address.url}/new?template=ci`]);
    const made = await browser.call(createToken, { name: "by the page", grant: { full: true } });
    expect(made).toMatchObject({ ok: true, value: { token: { subject: "user:alice", createdBy: "user:alice" } } });
    expect([await mayCall(browser), await mayCall(browser)]).toEqual([true, true]);
    expect(log()).toContain('"subject":"user:alice","admin":false');
  });

  it("is counted by its outcome, each of which is there from the start", async () => {
    const counted = async (outcome: string): Promise<number> => {
      const texts = await Promise.all(
        [patwarden.server, ...(replica ? [replica] : [])].map(async ({ metrics }) =>
          (await fetch(`http://${metrics}/metrics`)).text(),
        ),
      );
      const counts = texts.map((text) =>
        text.match(new RegExp(`^patwarden_console_sign_ins_total{outcome="${outcome}"} (\\d+)$`, "m")),
      );
      return counts.reduce((sum, found) => sum + Number(found?.[1]), 0);
    };
    const before = [await counted("signed_in"), await counted("wrong"), await counted("other_user")];
    await browser.signIn();
    await browser.signIn({ max_age: "long" });
    const after = [await counted("signed_in"), await counted("wrong"), await counted("other_user")];
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1, 0]);
  });

  it("SI-2 asks the provider as OpenID Connect and RFC 9700 say", async () => {
    const before = issuer.asked.length;
    await browser.signIn({ max_age: "600", acr_values: "mfa phr" });
    const [asked, exchanged] = issuer.asked.slice(before);
    const { state, nonce, code_challenge, ...others } = Object.fromEntries(asked?.parameters ?? []);
    expect([state, nonce, code_challenge].map((random) => random?.length)).toEqual([43, 43, 43]);
    expect(others).toEqual({
      client_id: issuerClient.id,
      redirect_uri: `${address.url}/sign-in/callback`,
      response_type: "code",
      scope: "openid profile",
      code_challenge_method: "S256",
      max_age: "600",
      acr_values: "mfa phr",
      ui_locales: "de",
    });
    expect(exchanged).toMatchObject({ path: "/token", authorization: expect.stringMatching(/^Basic /) });
    expect(exchanged?.parameters.get("client_secret")).toBeNull();
  });

  it("tells who the user is: name, sign-in, administrator", async () => {
    const authTime = seconds() - 5;
    issuer.signIns({
      claims: { sub: "ada", name: "Ada \u202eLovelace", role: ["boss"], auth_time: authTime, acr: "mfa" },
    });
    await browser.signIn();
    expect(await browser.call(SelfService.method.getCaller, {})).toMatchObject({
      ok: true,
      value: {
        caller: "user:ada",
        displayName: "Ada Lovelace",
        admin: true,
        authTime: { seconds: BigInt(authTime) },
        acr: "mfa",
        stepUp: { maxAge: { seconds: 600n } },
      },
    });
    expect(await browser.call(SubjectService.method.getSubject, { subject: "user:ada" })).toMatchObject({ ok: true });
    const alice = new Browser(address.url);
    issuer.signIns({ claims: { auth_time: undefined } });
    await alice.signIn();
    // The provider does not tell when it asked, so the return from it counts.
    const caller = await alice.call(SelfService.method.getCaller, {});
    if (!caller.ok) throw new Error(caller.message);
    expect(Math.abs(Number(caller.value.authTime?.seconds) - seconds())).toBeLessThan(60);
    expect(caller.value).toMatchObject({ caller: "user:alice", displayName: "", admin: false });
    expect(await alice.call(SubjectService.method.getSubject, { subject: "user:ada" })).toMatchObject({
      reason: "CALLER_FORBIDDEN",
    });
  });

  it("needs no end-session endpoint, and no name, acr or sid", async () => {
    issuer.signIns({ claims: { name: undefined, acr: undefined, sid: undefined } });
    await browser.signIn();
    expect(await mayCall(browser)).toBe(true);
  });

  it.each<[string, SignIns, number, string]>([
    ["a state that was changed", { back: { state: "x".repeat(43) } }, 400, "This sign-in is over"],
    ["no state", { back: { state: undefined } }, 400, "This sign-in is over"],
    ["another issuer in iss", { back: { iss: "https://other.example.com" } }, 400, "You are not signed in"],
    ["no iss, which the provider promises", { back: { iss: undefined } }, 400, "You are not signed in"],
    ["another code", { back: { code: "made-up" } }, 400, "This sign-in is over"],
    ["a person who said no", { back: { error: "access_denied", code: undefined } }, 403, "You are not signed in"],
    ["a provider that is busy", { back: { error: "temporarily_unavailable" } }, 503, "You cannot sign in now"],
    ["another nonce", { claims: { nonce: "another" } }, 400, "You are not signed in"],
    ["no nonce", { claims: { nonce: undefined } }, 400, "You are not signed in"],
    ["the ID token of another client", { claims: { aud: "another" } }, 400, "You are not signed in"],
    ["an ID token for two clients", { claims: { aud: ["console", "another"] } }, 400, "You are not signed in"],
    ["another client in azp", { claims: { aud: ["console", "other"], azp: "other" } }, 400, "You are not signed in"],
    ["the ID token of another issuer", { claims: { iss: "https://other.example.com" } }, 400, "You are not signed in"],
    ["an ID token that has expired", { claims: { exp: seconds() - 120 } }, 400, "You are not signed in"],
    ["an ID token without exp", { claims: { exp: undefined } }, 400, "You are not signed in"],
    ["an ID token without sub", { claims: { sub: undefined } }, 400, "You are not signed in"],
    ["a sub that is no id", { claims: { sub: "alice#member" } }, 403, "You are not signed in"],
    ["a sub that is a number", { claims: { sub: 7 } }, 400, "You are not signed in"],
    [
      "no ID token",
      { token: { status: 200, body: '{"access_token":"a","token_type":"bearer"}' } },
      400,
      "You are not signed in",
    ],
    ["an error page", { token: { status: 502, body: "<h1>bad gateway</h1>" } }, 503, "You cannot sign in now"],
    ["a wrong secret", { token: { status: 401, body: '{"error":"invalid_client"}' } }, 500, "You are not signed in"],
  ])("SI-3 is refused with %s", async (_what, signIns, status, title) => {
    issuer.signIns(signIns);
    const refused = await browser.signIn({ return: "/new" });
    expect([refused.status, await titleOf(refused)]).toEqual([status, title]);
    expect([...browser.cookies.keys()].filter((name) => name.includes("session"))).toEqual([]);
    expect(await mayCall(browser)).toBe(false);
    // A refusal hinders no later attempt.
    issuer.signIns({});
    expect((await browser.signIn()).status).toBe(200);
    expect(await mayCall(browser)).toBe(true);
  });

  it("SI-3 is refused with a state that only begins like its own", async () => {
    const begun = await browser.open("/sign-in");
    const back = new URL((await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "");
    // The cookie is named after the beginning, so it is found.
    back.searchParams.set("state", (back.searchParams.get("state") ?? "").slice(0, 8).padEnd(43, "x"));
    const refused = await browser.open(back.href);
    expect([refused.status, await titleOf(refused)]).toEqual([400, "You are not signed in"]);
    expect(await mayCall(browser)).toBe(false);
  });

  it("SI-3 is refused with a signature of another key, of another algorithm, or of none", async () => {
    const forged = await makeSigningKey("RS256", "forged");
    const other = await makeSigningKey("ES256", "es256");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from("{}").toString("base64url")}.`;
    const token = (text: string) => JSON.stringify({ access_token: "a", token_type: "bearer", id_token: text });
    const hmac = await hs256(issuer);
    for (const signIns of [
      { key: forged },
      { key: other },
      { token: { status: 200, body: token(unsigned) } },
      { token: { status: 200, body: token(hmac) } },
    ]) {
      issuer.signIns(signIns);
      const refused = await browser.signIn();
      expect([refused.status, await titleOf(refused)]).toEqual([400, "You are not signed in"]);
    }
    expect(await mayCall(browser)).toBe(false);
  });

  it("SI-11 accepts a provider whose clock is some seconds ahead, and does not believe it", async () => {
    issuer.signIns({ claims: { iat: seconds() + 20, exp: seconds() + 3600, auth_time: seconds() + 20 } });
    expect((await browser.signIn()).status).toBe(200);
    const caller = await browser.call(SelfService.method.getCaller, {});
    expect(caller.ok && Number(caller.value.authTime?.seconds)).toBeLessThanOrEqual(seconds());
  });

  it("SI-4 is refused with a verifier that is not the one of its beginning", async () => {
    // The code of one sign-in comes back in another one, which sends its own verifier.
    const victim = new Browser(address.url);
    const begun = await victim.open("/sign-in");
    const back = (await victim.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    const code = new URL(back).searchParams.get("code") ?? "";
    issuer.signIns({ back: { code } });
    const refused = await browser.signIn();
    expect([refused.status, await titleOf(refused)]).toEqual([400, "This sign-in is over"]);
  });

  it("SI-5 cannot be repeated: neither the way back nor the cookie nor the code works twice", async () => {
    const begun = await browser.open("/sign-in");
    const thief = browser.copy();
    const back = (await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    expect((await browser.open(back)).status).toBe(303);
    for (const again of [browser, thief]) expect((await again.open(back)).status).toBe(400);
    // Also where the provider gives another code.
    const replayed = new URL(back);
    const other = new Browser(address.url);
    const next = (await other.open("/sign-in")).headers.get("location") ?? "";
    const code = new URL((await other.open(next)).headers.get("location") ?? "").searchParams.get("code") ?? "";
    replayed.searchParams.set("code", code);
    expect((await thief.open(replayed.href)).status).toBe(400);
    expect(await mayCall(thief)).toBe(false);
  });

  it("SI-5 cannot be repeated where the provider takes a code twice", async () => {
    const before = issuer.asked.length;
    const begun = await browser.open("/sign-in");
    const thief = browser.copy();
    const back = (await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    expect((await browser.open(back)).status).toBe(303);
    const nonce = issuer.asked[before]?.parameters.get("nonce") ?? undefined;
    await answerEveryCode(nonce);
    const refused = await thief.open(back);
    expect([refused.status, await titleOf(refused)]).toEqual([400, "This sign-in is over"]);
    expect([await mayCall(browser), await mayCall(thief)]).toEqual([true, false]);
  });

  it("SI-6 is bound to the browser in which it began: nobody is signed in as somebody else by a link", async () => {
    const attacker = new Browser(address.url);
    const begun = await attacker.open("/sign-in");
    const link = (await attacker.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    expect((await browser.open(link)).status).toBe(400);
    // Nor when the victim has begun a sign-in too.
    await browser.open("/sign-in");
    expect((await browser.open(link)).status).toBe(400);
    expect(await mayCall(browser)).toBe(false);
  });

  it("SI-15 leaves short cookies, however many begin and wherever they lead", async () => {
    const sizeOf = ({ cookies }: Browser) =>
      [...cookies].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    const plain = new Browser(address.url);
    for (let count = 0; count < 30; count++) expect((await plain.open("/sign-in")).status).toBe(303);
    expect(plain.cookies.size).toBeGreaterThanOrEqual(8);
    expect(sizeOf(plain)).toBeLessThanOrEqual(6_000);
    const led = new Browser(address.url);
    const part = "c".repeat(300);
    const longest = {
      return: `/orgs/${part}/${part}/${part}?${"a".repeat(2_000)}`,
      acr_values: Array(10).fill("b".repeat(200)).join(" "),
    };
    const long = { return: `/new?${"a".repeat(2_000)}` };
    for (const parameters of [longest, long, longest, long, long]) {
      const begun = await led.open(`/sign-in?${new URLSearchParams(parameters)}`);
      expect(begun.status).toBe(303);
      for (const line of begun.headers.getSetCookie()) expect(line.split(";", 1)[0]?.length).toBeLessThanOrEqual(4_096);
      expect(sizeOf(led)).toBeLessThanOrEqual(6_000);
    }
    // The last one still ends where it was to lead.
    const end = await led.signIn(long);
    expect([end.status, new URL(end.url).search.length]).toEqual([200, 2_001]);
  });

  it("works in several tabs at once", async () => {
    const first = (await browser.open("/sign-in?return=/new")).headers.get("location") ?? "";
    const second = (await browser.open("/sign-in?return=/operator")).headers.get("location") ?? "";
    expect((await browser.follow(second)).url).toBe(`${address.url}/operator`);
    expect((await browser.follow(first)).url).toBe(`${address.url}/new`);
    // A page that begins many leaves no more than a few cookies.
    for (let tab = 0; tab < 20; tab++) await browser.open("/sign-in");
    expect([...browser.cookies.keys()].filter((name) => name.includes("sign_in")).length).toBeLessThanOrEqual(15);
  });

  it("SI-6 is not taken from a cookie that the server has not sealed", async () => {
    const state = "s".repeat(43);
    const begun = { state, nonce: "n", verifier: "v".repeat(43), acrValues: [], returnTo: "//evil.example.com" };
    const forged = JSON.stringify({ ...begun, endTime: Date.now() + 60_000 });
    browser.cookies.set(`pw_sign_in_${state.slice(0, 8)}`, Buffer.from(forged).toString("base64url"));
    await answerEveryCode("n");
    const back = `/sign-in/callback?${new URLSearchParams({ code: "any", state, iss: issuer.url })}`;
    const refused = await browser.open(back);
    expect([refused.status, await titleOf(refused)]).toEqual([400, "This sign-in is over"]);
    expect(await mayCall(browser)).toBe(false);
  });

  it.each([
    "//evil.example.com",
    "/\\evil.example.com",
    "https://evil.example.com/",
    "javascript:alert(1)",
    "/tokens/../../evil",
    "/tokens/%2e%2e/sign-out",
    "/tokens/.%2E/evil",
    "/tokens//evil.example.com",
    "/sign-in",
    "/sign-out",
    "/patwarden.v1.TokenService/ListTokens",
    "/new#@evil.example.com",
    "/new?x=\r\nset-cookie: a=b",
    "/\t/evil.example.com",
    `/new?${"x".repeat(2001)}`,
  ])("SI-7 leads back to the first page instead of %j", async (target) => {
    const page = await browser.signIn({ return: target });
    expect([page.status, page.url]).toEqual([200, `${address.url}/`]);
  });

  it.each(["/", "/new?v=1&name=ci%20job", "/tokens/tok_01h/usage", "/orgs/acme%2Fshop/policy", "/operator/subjects"])(
    "SI-7 leads back to %s",
    async (target) => {
      expect((await browser.signIn({ return: target })).url).toBe(`${address.url}${target}`);
    },
  );

  it.each([
    { max_age: "-1" },
    { max_age: "1e3" },
    { max_age: "" },
    { acr_values: "a\nb" },
    { acr_values: " " },
    { acr_values: "x".repeat(300) },
  ])("is not begun with %j", async (parameters) => {
    expect((await browser.signIn(parameters)).status).toBe(400);
  });

  it("SI-8 is begun and ended only as the page of a tab", async () => {
    for (const dest of ["iframe", "image", "empty", "script"]) {
      const response = await browser.open("/sign-in", { "sec-fetch-dest": dest });
      expect([dest, response.status, response.headers.getSetCookie()]).toEqual([dest, 400, []]);
    }
  });

  it("SI-9 sets cookies that only the console's own pages and its own server can use", async () => {
    await browser.signIn();
    const [signIn, cleared, session] = browser.setCookies;
    expect(signIn).toMatch(/^pw_sign_in_[\w-]{8}=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
    expect(cleared).toMatch(/^pw_sign_in_[\w-]{8}=; Path=\/; HttpOnly; SameSite=Strict; Max-Age=0$/);
    expect(session).toMatch(/^pw_session=[\w-]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(browser.setCookies).toHaveLength(3);
  });

  it("SI-13 says that it cannot be done while the provider is down, and works when it is back", async () => {
    // Begun before, so the discovery document is known.
    const begun = await browser.open("/sign-in");
    const back = (await browser.open(begun.headers.get("location") ?? "")).headers.get("location") ?? "";
    issuer.set({ kind: "error", status: 500 });
    const refused = await browser.open(back);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "60"]);
    issuer.set({ kind: "well" });
    expect((await browser.signIn()).status).toBe(200);
  });

  it("SI-10 replaces the session in whose browser it was begun, by another secret", async () => {
    await browser.signIn();
    const stolen = browser.copy();
    const first = browser.cookies.get("pw_session");
    expect(await mayCall(stolen)).toBe(true);
    await browser.signIn({ max_age: "0" });
    expect(browser.cookies.get("pw_session")).not.toBe(first);
    expect([await mayCall(browser), await mayCall(stolen)]).toEqual([true, false]);
  });

  it("SI-10 never takes over the secret that a browser had before", async () => {
    const attacker = new Browser(address.url);
    await attacker.signIn();
    const planted = attacker.cookies.get("pw_session") ?? "";
    browser.cookies.set("pw_session", planted);
    issuer.signIns({ claims: { sub: "bob" } });
    await browser.signIn();
    expect(browser.cookies.get("pw_session")).not.toBe(planted);
    expect(await browser.call(SelfService.method.getCaller, {})).toMatchObject({ value: { caller: "user:bob" } });
    // The planted session was replaced: it is nobody's any more.
    expect(await mayCall(attacker)).toBe(false);
  });

  it("SI-11 steps up only as the same person, and only when the provider asked again", async () => {
    await browser.signIn();
    issuer.signIns({ claims: { sub: "bob" } });
    const other = await browser.signIn({ max_age: "600", return: "/new" });
    expect([other.status, await titleOf(other)]).toEqual([403, "You are somebody else now"]);
    issuer.signIns({ claims: { auth_time: seconds() - 3600 } });
    const old = await browser.signIn({ max_age: "600" });
    expect([old.status, await titleOf(old)]).toEqual([403, "This needs a newer sign-in"]);
    issuer.signIns({ claims: { acr: "password" } });
    expect((await browser.signIn({ acr_values: "mfa" })).status).toBe(403);
    // The session is as it was.
    expect(await browser.call(SelfService.method.getCaller, {})).toMatchObject({
      value: { caller: "user:alice", acr: "" },
    });
    issuer.signIns({});
    expect((await browser.signIn({ max_age: "600", acr_values: "mfa", return: "/new" })).url).toBe(
      `${address.url}/new`,
    );
    expect(await browser.call(SelfService.method.getCaller, {})).toMatchObject({ value: { acr: "mfa" } });
  });

  it("SI-12 is limited for each address", async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 200 && !statuses.includes(429); attempt++) {
      statuses.push((await browser.open("/sign-in")).status);
    }
    expect(statuses.at(-1)).toBe(429);
  });
});

/** Signs a token with the client's secret, as some providers can do. */
async function hs256(issuer: TestIssuer): Promise<string> {
  const key = new TextEncoder().encode(issuerClient.secret.padEnd(32, "x"));
  return new SignJWT({ nonce: "any" })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(issuer.url)
    .setAudience(issuerClient.id)
    .setSubject("alice")
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(key);
}
