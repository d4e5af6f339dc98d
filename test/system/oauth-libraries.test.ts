import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { haveLanguage, type Language, type Library, languages, startLibrary } from "../kit/libraries.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { FaultProxy } from "../kit/proxy.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey } from "../kit/server.js";

const issuer = "https://patwarden.example.com";
const audience = "https://api.example.com";
/** The first time, a toolchain downloads and builds everything. */
const fromNothingMs = 15 * 60_000;

interface Case {
  readonly language: Language;
  readonly name: string;
  /** The error of each library in these situations. Only the first means that the token is not usable. */
  readonly inactive: RegExp;
  readonly notAuthenticated: RegExp;
  readonly undecided: RegExp;
  readonly wrongAudience: RegExp;
  readonly wrongIssuer: RegExp;
  readonly expired: RegExp;
  readonly wrongKey: RegExp;
  readonly wrongType: RegExp;
}

const cases: readonly Case[] = [
  {
    language: "java",
    name: "Spring Security",
    inactive: /^BadOpaqueTokenException: /,
    notAuthenticated: /^OAuth2IntrospectionException: /,
    undecided: /^OAuth2IntrospectionException: /,
    wrongAudience: /aud claim is not valid/,
    wrongIssuer: /iss claim is not valid/,
    expired: /Jwt expired at/,
    wrongKey: /Signed JWT rejected/,
    wrongType: /typ/,
  },
  {
    language: "go",
    name: "zitadel/oidc and golang-jwt",
    inactive: /^inactive$/,
    notAuthenticated: /invalid_client/,
    undecided: /temporarily_unavailable/,
    wrongAudience: /invalid audience/,
    wrongIssuer: /invalid issuer/,
    expired: /token is expired/,
    wrongKey: /signature is invalid/,
    wrongType: /no access token/,
  },
  {
    language: "python",
    name: "Authlib and PyJWT",
    inactive: /^InvalidTokenError: /,
    notAuthenticated: /^HTTPError: 401/,
    undecided: /^HTTPError: 503/,
    wrongAudience: /^InvalidAudienceError: /,
    wrongIssuer: /^InvalidIssuerError: /,
    expired: /^ExpiredSignatureError: /,
    wrongKey: /^InvalidSignatureError: /,
    wrongType: /no access token/,
  },
];

for (const [language, { source }] of Object.entries(languages)) {
  if (haveLanguage(language as Language)) continue; // a key of the record
  process.stderr.write(`NO ${language.toUpperCase()}: ${source}; the tests of its libraries are skipped\n`);
}

/** An issuer of JWTs like those of the exchange, also of invalid ones. */
interface Signer {
  readonly jwks: string;
  /** Signs a token of alice for a minute, except for the given claims and parameters. */
  sign(claims?: object, header?: object, key?: "published" | "another"): Promise<string>;
  stop(): Promise<void>;
}

async function startSigner(): Promise<Signer> {
  const [published, another] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
  const keys = [{ ...(await exportJWK(published.publicKey)), kid: "1", use: "sig", alg: "ES256" }];
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    jwks: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`, // it listens on TCP
    sign(claims = {}, header = {}, key = "published") {
      const now = Math.floor(Date.now() / 1000);
      const usual = { iss: issuer, aud: audience, sub: "user:alice", client_id: "gateway", iat: now, exp: now + 60 };
      return new SignJWT({ ...usual, jti: "1", scope: "viewer:document", token_id: "tok_1", ...claims })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "1", ...header })
        .sign((key === "published" ? published : another).privateKey);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("libraries that know the standards and not Patwarden", () => {
  const gatewayKey = newKey();
  let patwarden: Patwarden;
  let database: FaultProxy;
  let signer: Signer;

  beforeAll(async () => {
    patwarden = await startPatwarden({
      callers: [{ name: "gateway", key_sha256: [hashOf(gatewayKey)], permissions: ["introspect", "tokens.exchange"] }],
      config: { integrations: { oauth: { enabled: true, issuer, exchange: { audiences: [audience] } } } },
    });
    database = patwarden.faults.database;
    signer = await startSigner();
  });
  afterAll(async () => {
    await patwarden.stop();
    await signer.stop();
  });

  /** Returns a valid JWT of alice, and the URL of the keys. */
  const exchanged = async () => {
    const reply = await sendRaw(patwarden.server.http, {
      method: "POST",
      target: "/oauth2/token",
      headers: [
        ["Authorization", `Bearer ${gatewayKey}`],
        ["Content-Type", "application/x-www-form-urlencoded"],
      ],
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: patwarden.alice.secret,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        audience,
      }).toString(),
    });
    return {
      token: String(JSON.parse(reply.body).access_token),
      jwks: `${patwarden.server.http}/.well-known/jwks.json`,
    };
  };

  describe.each(cases)("$name", ({ language, ...says }) => {
    describe.skipIf(!haveLanguage(language))("", () => {
      let library: Library;
      const introspect = (token: string, over: Readonly<Record<string, string>> = {}) =>
        library.ask({
          ask: "introspect",
          endpoint: `${patwarden.server.http}/oauth2/introspect`,
          client: "gateway",
          key: gatewayKey,
          token,
          ...over,
        });
      const verify = (token: string, over: Readonly<Record<string, string>> = {}) =>
        library.ask({ ask: "verify", jwks: signer.jwks, issuer, audience, token, ...over });

      beforeAll(async () => {
        library = startLibrary(language);
        // The library has been built when it answers.
        await introspect("garbage");
      }, fromNothingMs);
      afterAll(() => library.stop());

      it("O4 accepts the answer about an active token", async () => {
        const { token, secret } = await patwarden.createToken({
          subject: "user:alice",
          organization: "organization:acme",
          name: "laptop",
          grant: { rules: [{ actions: ["viewer", "editor"], resources: ["document:roadmap"] }] },
        });
        const { members } = await introspect(secret);
        expect(members).toMatchObject({
          active: true,
          sub: "user:alice",
          client_id: token.id,
          jti: token.id,
          organization: "organization:acme",
        });
        const { scope } = members ?? {};
        expect(Array.isArray(scope) ? scope : String(scope).split(" ")).toEqual([
          "viewer:document:roadmap",
          "editor:document:roadmap",
        ]);
      });

      it("distinguishes a revoked token from failures", async () => {
        const { token, secret } = await patwarden.createToken({
          subject: "user:alice",
          name: "lost",
          grant: { full: true },
        });
        expect((await introspect(secret)).members).toMatchObject({ active: true, sub: "user:alice" });
        const { port } = patwarden;
        expect(await port.call(TokenService.method.revokeToken, { id: token.id })).toMatchObject({ ok: true });
        expect((await introspect(secret)).error).toMatch(says.inactive);
      });

      it("does not report a failure as a bad token", async () => {
        const refused = await introspect(patwarden.alice.secret, { key: newKey() });
        expect(refused.error).toMatch(says.notAuthenticated);
        expect(refused.error).not.toMatch(says.inactive);
        database.cut();
        const undecided = await introspect(patwarden.alice.secret).finally(() => database.heal());
        expect(undecided.error).toMatch(says.undecided);
        expect(undecided.error).not.toMatch(says.inactive);
        await expect
          .poll(async () => (await introspect(patwarden.alice.secret)).members?.["active"], { timeout: 20_000 })
          .toBe(true);
      });

      it("O5 verifies an exchanged JWT by the published keys, for its own audience and issuer alone", async () => {
        const { token, jwks } = await exchanged();
        const { members } = await verify(token, { jwks });
        expect(members).toMatchObject({ sub: "user:alice", scope: expect.any(String), token_id: expect.any(String) });
        const elsewhere = await verify(token, { jwks, audience: "https://other.example.com" });
        expect(elsewhere.error).toMatch(says.wrongAudience);
        const another = await verify(token, { jwks, issuer: "https://other.example.com" });
        expect(another.error).toMatch(says.wrongIssuer);
      });

      it("O5 refuses a JWT of the past, by another key, and one that is no access token", async () => {
        const past = Math.floor(Date.now() / 1000) - 3_600;
        const refusals = [
          [await signer.sign({ iat: past - 60, exp: past }), says.expired],
          [await signer.sign({}, {}, "another"), says.wrongKey],
          [await signer.sign({}, { typ: "JWT" }), says.wrongType],
        ] as const;
        expect((await verify(await signer.sign())).members).toMatchObject({ sub: "user:alice" });
        for (const [token, words] of refusals) expect((await verify(token)).error).toMatch(words);
      });
    });
  });
});
