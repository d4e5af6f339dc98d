import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { get } from "node:http";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostPort } from "../../../domain/host-port.js";
import { type Listening, withPort } from "../listen.js";
import { startIssuer } from "./issuer.js";

const callback = "http://127.0.0.1:9084/sign-in/callback";
const page = {
  id: "page",
  secret: "s+ec/r%t",
  name: "A <page>",
  redirectUris: [callback],
  signedOutUris: ["http://127.0.0.1:9084/"],
};
const other = { ...page, id: "other", secret: "another", redirectUris: ["http://127.0.0.1:9086/callback"] };
const audience = "https://patwarden.example";

const form = { "content-type": "application/x-www-form-urlencoded" };

describe("the OpenID provider of patwarden dev", () => {
  let issuer: Listening;
  let at: HostPort;
  beforeAll(async () => {
    at = await withPort({ host: "127.0.0.1", port: 0 });
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    issuer = await startIssuer({ at, signingKey: privateKey, audience, clients: [page, other] });
  });
  afterAll(() => issuer.stop());

  const discover = (authentication: client.ClientAuth, id = "page") =>
    client.discovery(new URL(issuer.url), id, undefined, authentication, { execute: [client.allowInsecureRequests] });

  /** Opens the address of a sign-in and chooses this person; returns where the browser is sent. */
  async function choose(address: URL, person = "alice"): Promise<URL> {
    const shown = await fetch(address);
    const action = /action="([^"]+)"/.exec(await shown.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
    const target = new URL(action, issuer.url);
    const headers = { ...form, origin: issuer.url };
    const body = `person=${person}`;
    const answered = await fetch(target, { method: "POST", headers, body, redirect: "manual" });
    expect(answered.status).toBe(303);
    return new URL(answered.headers.get("location") ?? "");
  }

  const verifier = client.randomPKCECodeVerifier();
  const wish = async (over: Readonly<Record<string, string>> = {}) => ({
    redirect_uri: callback,
    scope: "openid profile",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: "a state",
    nonce: "a nonce",
    ...over,
  });

  it.each([
    ["client_secret_basic", client.ClientSecretBasic(page.secret)],
    ["client_secret_post", client.ClientSecretPost(page.secret)],
  ])("signs a person in for a client that proves itself by %s", async (_, authentication) => {
    const configuration = await discover(authentication);
    const address = client.buildAuthorizationUrl(
      configuration,
      await wish({ acr_values: "strong weak", max_age: "60" }),
    );
    const back = await choose(address, "root");
    expect(back.searchParams.get("iss")).toBe(issuer.url);
    const tokens = await client.authorizationCodeGrant(configuration, back, {
      pkceCodeVerifier: verifier,
      expectedState: "a state",
      expectedNonce: "a nonce",
      maxAge: 60,
    });
    expect(tokens.claims()).toMatchObject({
      ...{ iss: issuer.url, aud: "page", sub: "root", name: "Robin Root", acr: "strong", roles: ["patwarden-admin"] },
    });
    const keys = createLocalJWKSet(Object(await (await fetch(`${issuer.url}/keys`)).json()));
    const access = await jwtVerify(tokens.access_token, keys, { issuer: issuer.url, audience, typ: "at+jwt" });
    expect(access.payload).toMatchObject({ sub: "root", client_id: "page", acr: "strong", scope: "openid profile" });
    expect(access.payload["nonce"]).toBeUndefined();
    expect(access.payload["auth_time"]).toBeCloseTo(access.payload.iat ?? 0, -1);
  });

  it("offers the hinted person first, and treats names as text", async () => {
    const configuration = await discover(client.ClientSecretPost(page.secret));
    const shown = await fetch(client.buildAuthorizationUrl(configuration, await wish({ login_hint: "bob" })));
    const text = await shown.text();
    expect([...text.matchAll(/value="(\w+)"( autofocus)?/g)].map(([, id, first]) => [id, first !== undefined])).toEqual(
      [
        ["bob", true],
        ["alice", false],
        ["root", false],
      ],
    );
    expect(text).toContain("Sign in to A &lt;page&gt;");
    expect(shown.headers.get("content-security-policy")).toMatch(
      /default-src 'none'.*form-action 'self' http:\/\/127\.0\.0\.1:9084;/,
    );
    expect(text).not.toMatch(/<script|style=/);
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ["nobody to ask", { prompt: "none" }, "login_required"],
    ["no PKCE", { code_challenge: "" }, "invalid_request"],
    ["PKCE in plain text", { code_challenge_method: "plain" }, "invalid_request"],
    ["no openid", { scope: "profile" }, "invalid_scope"],
    ["another flow", { response_type: "code id_token" }, "unsupported_response_type"],
    ["another way back", { response_mode: "fragment" }, "invalid_request"],
    ["a request object", { request: "x" }, "request_not_supported"],
    ["a max_age that is none", { max_age: "soon" }, "invalid_request"],
    ["a prompt that is none", { prompt: "none login" }, "invalid_request"],
  ])("sends back a request with %s", async (_, over, error) => {
    const configuration = await discover(client.ClientSecretPost(page.secret));
    const address = client.buildAuthorizationUrl(configuration, await wish(over));
    const answered = await fetch(address, { redirect: "manual" });
    const { origin, searchParams } = new URL(answered.headers.get("location") ?? "");
    expect([origin, searchParams.get("error"), searchParams.get("state"), searchParams.get("iss")]).toEqual([
      ...["http://127.0.0.1:9084", error, "a state", issuer.url],
    ]);
  });

  it.each<[string, (address: URL) => void]>([
    ["an unknown client", ({ searchParams }) => searchParams.set("client_id", "nobody")],
    [
      "another client's address",
      ({ searchParams }) => searchParams.set("redirect_uri", "http://127.0.0.1:9086/callback"),
    ],
    ["an address with an addition", ({ searchParams }) => searchParams.set("redirect_uri", `${callback}?x`)],
    ["no address", ({ searchParams }) => searchParams.delete("redirect_uri")],
    ["two addresses", ({ searchParams }) => searchParams.append("redirect_uri", "https://evil.example/")],
  ])("redirects nowhere for %s", async (_, alter) => {
    const configuration = await discover(client.ClientSecretPost(page.secret));
    const address = client.buildAuthorizationUrl(configuration, await wish());
    alter(address);
    const answered = await fetch(address, { redirect: "manual" });
    expect([answered.status, answered.headers.get("location")]).toEqual([400, null]);
  });

  it("lets no other page choose a person", async () => {
    const configuration = await discover(client.ClientSecretPost(page.secret));
    const address = client.buildAuthorizationUrl(configuration, await wish());
    for (const headers of [
      { ...form, origin: "http://127.0.0.1:9086" },
      { ...form, origin: "null" },
      { origin: issuer.url },
    ]) {
      const answered = await fetch(address, { method: "POST", headers, body: "person=root", redirect: "manual" });
      expect(answered.status).toBe(400);
    }
    for (const body of ["person=mallory", "person=alice&person=root", ""]) {
      const answered = await fetch(address, { method: "POST", headers: form, body, redirect: "manual" });
      expect(answered.status).toBe(400);
    }
  });

  describe("exchanges no code", () => {
    const exchange = async (over: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) => {
      const body = new URLSearchParams({
        ...{ grant_type: "authorization_code", client_id: "page", client_secret: page.secret, redirect_uri: callback },
        ...{ code_verifier: verifier, ...over },
      });
      const answered = await fetch(`${issuer.url}/token`, { method: "POST", headers, body });
      return [answered.status, Object(await answered.json()).error];
    };
    const freshCode = async () => {
      const configuration = await discover(client.ClientSecretPost(page.secret));
      const back = await choose(client.buildAuthorizationUrl(configuration, await wish()));
      return back.searchParams.get("code") ?? "";
    };

    it.each<[string, Readonly<Record<string, string>>, number, string]>([
      ["of another client", { client_id: "other", client_secret: "another" }, 400, "invalid_grant"],
      ["with another address", { redirect_uri: "http://127.0.0.1:9084/" }, 400, "invalid_grant"],
      ["with another verifier", { code_verifier: "x".repeat(43) }, 400, "invalid_grant"],
      ["that it did not issue", { code: "x" }, 400, "invalid_grant"],
      ["without a verifier", { code_verifier: "" }, 400, "invalid_request"],
      ["for a wrong secret", { client_secret: "wrong" }, 401, "invalid_client"],
      ["in another flow", { grant_type: "password" }, 400, "unsupported_grant_type"],
    ])("%s", async (_, over, status, error) => {
      expect(await exchange({ code: await freshCode(), ...over })).toEqual([status, error]);
    });

    it("twice, nor after a wrong attempt", async () => {
      const code = await freshCode();
      expect(await exchange({ code })).toEqual([200, undefined]);
      expect(await exchange({ code })).toEqual([400, "invalid_grant"]);
      const guessed = await freshCode();
      expect(await exchange({ code: guessed, code_verifier: "x".repeat(43) })).toEqual([400, "invalid_grant"]);
      expect(await exchange({ code: guessed })).toEqual([400, "invalid_grant"]);
    });
  });

  it("leads back after a sign-out, and nowhere else", async () => {
    const signOut = async (query: string) => {
      const answered = await fetch(`${issuer.url}/sign-out${query}`, { redirect: "manual" });
      return [answered.status, answered.headers.get("location")];
    };
    const target = encodeURIComponent("http://127.0.0.1:9084/");
    expect(await signOut(`?post_logout_redirect_uri=${target}&state=x`)).toEqual([
      303,
      "http://127.0.0.1:9084/?state=x",
    ]);
    expect(await signOut(`?post_logout_redirect_uri=${encodeURIComponent("https://evil.example/")}`)).toEqual([
      400,
      null,
    ]);
    expect(await signOut("")).toEqual([200, null]);
  });

  it("answers under its own host name alone", async () => {
    const statusFor = async (host: string) => {
      const [response] = await once(get({ ...at, path: "/keys", headers: { host } }), "response");
      response.resume();
      return response.statusCode;
    };
    expect(await statusFor(`127.0.0.1:${at.port}`)).toBe(200);
    expect(await statusFor(`rebound.example:${at.port}`)).toBe(421);
  });

  it("gives ID tokens that are no access tokens", async () => {
    const configuration = await discover(client.ClientSecretPost(page.secret));
    const back = await choose(client.buildAuthorizationUrl(configuration, await wish()));
    const { id_token: idToken = "" } = await client.authorizationCodeGrant(configuration, back, {
      ...{ pkceCodeVerifier: verifier, expectedState: "a state", expectedNonce: "a nonce" },
    });
    expect(decodeJwt(idToken)).toMatchObject({ aud: "page", nonce: "a nonce", sub: "alice" });
  });
});
