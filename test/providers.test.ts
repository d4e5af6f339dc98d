import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { IssuerConfig, OidcAlgorithm, TokenRefusal } from "../src/callers/oidc/access-token.js";
import { createOidcVerifier } from "../src/callers/oidc/oidc.js";
import { makeSigningKey, type SigningKey, startTestIssuer, type TestIssuer } from "./kit/issuer.js";
import { type Patwarden, startPatwarden } from "./kit/patwarden.js";
import { httpPort } from "./kit/ports.js";

/**
 * Tokens as providers really send them: header and claims of their access tokens and of other tokens that they sign
 * with the same keys, from their documentation and source. `iss`, `iat` and `exp` are the test issuer's.
 * docs/guides/providers.md has the same configurations.
 */

type Claims = Readonly<Record<string, unknown>>;

interface Made {
  readonly header: Claims;
  readonly claims: Claims;
}

interface Provider {
  readonly name: string;
  /** With the names of the configuration file. */
  readonly config: {
    readonly audiences: readonly string[];
    readonly audience_claim?: string;
    readonly algorithms?: readonly OidcAlgorithm[];
    readonly types?: readonly string[];
    readonly subject?: string;
    readonly required_claims?: Readonly<Record<string, string>>;
    readonly allow_nonce?: boolean;
  };
  readonly algorithm?: OidcAlgorithm;
  readonly access: Made;
  readonly subject: string;
  /** Tokens that must be refused: at least its ID token. */
  readonly others: readonly (Made & { readonly what: string; readonly refusal: TokenRefusal })[];
}

const us = "https://patwarden.example.com";
const seconds = Math.floor(Date.now() / 1000);
const jwt = { typ: "JWT" };
const untyped = { typ: undefined };
/** Removes the test issuer's own defaults. */
const bare = { aud: undefined, client_id: undefined, sub: undefined };

const auth0Access = {
  ...bare,
  sub: "auth0|5f7c8ec7c33c6c004bbafe82",
  aud: [us, "https://example.eu.auth0.com/userinfo"],
  azp: "uUBGn4cYbCjNQ9fGqA3Dqk2dGmVpcXbD",
  scope: "openid profile email",
};
const auth0Id = {
  ...bare,
  sub: "auth0|5f7c8ec7c33c6c004bbafe82",
  aud: "uUBGn4cYbCjNQ9fGqA3Dqk2dGmVpcXbD",
  nickname: "alice",
  email: "alice@example.com",
  email_verified: true,
  sid: "wSj2Ta",
  nonce: "n",
};

const cognitoAccess = {
  ...bare,
  sub: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
  "cognito:groups": ["editors"],
  client_id: "57cbishk4j24pabc1234567890",
  origin_jti: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
  event_id: "64f513be-32db-42b0-b78e-b02127b4f463",
  token_use: "access",
  scope: "openid profile email",
  auth_time: seconds,
  jti: "a1",
  username: "my-test-user",
  version: 2,
};

const keycloakAccess = {
  ...bare,
  sub: "1d8c4f0e-5f5a-4d9c-9e49-0c7f0a8e5f11",
  aud: [us, "account"],
  typ: "Bearer",
  azp: "settings-page",
  auth_time: seconds,
  jti: "onrtac:7c1d",
  acr: "1",
  sid: "9f2d",
  "allowed-origins": ["https://app.example.com"],
  realm_access: { roles: ["offline_access", "uma_authorization"] },
  resource_access: { account: { roles: ["view-profile"] } },
  scope: "openid email profile",
  email_verified: true,
  preferred_username: "alice",
};
const keycloakId = {
  ...bare,
  sub: "1d8c4f0e-5f5a-4d9c-9e49-0c7f0a8e5f11",
  aud: "settings-page",
  typ: "ID",
  azp: "settings-page",
  auth_time: seconds,
  nonce: "n",
  jti: "x",
  at_hash: "h",
  acr: "1",
  sid: "9f2d",
};
const keycloakOthers: Provider["others"] = [
  { what: "its ID token", header: jwt, claims: keycloakId, refusal: "not_an_access_token" },
  {
    what: "its ID token with our audience by a mapper",
    header: jwt,
    claims: { ...keycloakId, aud: [us, "settings-page"], at_hash: undefined, nonce: undefined },
    refusal: "not_an_access_token",
  },
  {
    what: "its refresh token",
    header: jwt,
    claims: { ...keycloakAccess, typ: "Refresh" },
    refusal: "not_an_access_token",
  },
  {
    what: "a token of a service account",
    header: jwt,
    claims: { ...keycloakAccess, preferred_username: "service-account-shop" },
    refusal: "of_a_machine",
  },
];

const entra = {
  ...bare,
  oid: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
  sub: "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
  tid: "fa15d692-e9c7-4460-a743-29f2956fd429",
  rh: "0.AXEA",
  uti: "u",
  nbf: seconds,
};

const zitadelAccess = {
  ...bare,
  sub: "165617389845094785",
  aud: ["165624316880061825@shop", "165617389845094001"],
  client_id: "165624316880061825@shop",
  jti: "V2_165640613768396161-at_165640613768461697",
  nbf: seconds,
};
const zitadelId = {
  ...bare,
  sub: "165617389845094785",
  aud: ["165624316880061825@shop", "165617389845094001"],
  azp: "165624316880061825@shop",
  client_id: "165624316880061825@shop",
  amr: ["pwd"],
  auth_time: seconds,
};

const casdoorAccess = {
  ...bare,
  owner: "built-in",
  name: "alice",
  id: "cc34f1b6-7d26-4b53-9d62-4b8c5e2e77d9",
  sub: "cc34f1b6-7d26-4b53-9d62-4b8c5e2e77d9",
  aud: ["294b09fbc17f95daf2fe"],
  tokenType: "access-token",
  nonce: "n",
  scope: "profile",
  azp: "294b09fbc17f95daf2fe",
  nbf: seconds,
  jti: "admin/5b1e",
};

const authentikId = {
  ...bare,
  sub: "9f3ab1c2d4e5f60718293a4b5c6d7e8f9f3ab1c2d4e5f60718293a4b5c6d7e8f",
  aud: "KkT1b9y7CwQZ",
  auth_time: seconds,
  acr: "goauthentik.io/providers/oauth2/default",
  amr: ["pwd"],
  nonce: "n",
  sid: "5e8a",
};

const clerkSession = {
  ...bare,
  sub: "user_2q8YdXQ7H1",
  azp: "https://app.example.com",
  fva: [3, -1],
  nbf: seconds - 10,
  sid: "sess_2q8YdXQ7H2",
  sts: "active",
  v: 2,
};

const providers: readonly Provider[] = [
  {
    name: "Auth0, its own profile",
    config: { audiences: [us], types: ["JWT"] },
    access: { header: jwt, claims: auth0Access },
    subject: "user:auth0|5f7c8ec7c33c6c004bbafe82",
    others: [
      { what: "its ID token", header: jwt, claims: auth0Id, refusal: "has_a_nonce" },
      {
        what: "its ID token without a nonce",
        header: jwt,
        claims: { ...auth0Id, nonce: undefined },
        refusal: "other_audience",
      },
      {
        what: "a client's own",
        header: jwt,
        claims: { ...auth0Access, aud: us, sub: "uUBGn@clients", gty: "client-credentials" },
        refusal: "of_a_machine",
      },
    ],
  },
  {
    name: "Auth0, RFC 9068 profile",
    config: { audiences: [us] },
    access: {
      header: { typ: "at+jwt" },
      claims: { ...auth0Access, azp: undefined, client_id: "uUBGn4cYbCjNQ9fGqA3Dqk2dGmVpcXbD", jti: "j" },
    },
    subject: "user:auth0|5f7c8ec7c33c6c004bbafe82",
    others: [{ what: "its ID token", header: jwt, claims: auth0Id, refusal: "type_not_allowed" }],
  },
  {
    name: "Okta",
    config: { audiences: ["api://default"], types: ["JWT"], subject: "{uid}", required_claims: { cid: "*" } },
    access: {
      header: untyped,
      claims: {
        ...bare,
        ver: 1,
        jti: "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        aud: "api://default",
        cid: "0oabv6kx4qq6h1U5l0h7",
        uid: "00ujmkLgagxeRrAg20g3",
        scp: ["openid", "profile"],
        auth_time: seconds,
        sub: "alice@example.com",
      },
    },
    subject: "user:00ujmkLgagxeRrAg20g3",
    others: [
      {
        what: "its ID token",
        header: untyped,
        claims: {
          ...bare,
          sub: "00ujmkLgagxeRrAg20g3",
          ver: 1,
          aud: "0oabv6kx4qq6h1U5l0h7",
          jti: "ID.1",
          amr: ["pwd"],
          idp: "00o",
          auth_time: seconds,
          preferred_username: "alice@example.com",
        },
        refusal: "not_an_access_token",
      },
      {
        what: "a client's own",
        header: untyped,
        claims: { ...bare, ver: 1, aud: "api://default", cid: "0oabv", sub: "0oabv", scp: ["x"] },
        refusal: "of_a_machine",
      },
    ],
  },
  {
    name: "Cognito",
    config: {
      audiences: ["57cbishk4j24pabc1234567890"],
      audience_claim: "client_id",
      types: ["JWT"],
      required_claims: { token_use: "access" },
    },
    access: { header: untyped, claims: cognitoAccess },
    subject: "user:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    others: [
      {
        what: "its ID token",
        header: untyped,
        claims: {
          ...bare,
          sub: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
          aud: "57cbishk4j24pabc1234567890",
          "cognito:username": "my-test-user",
          token_use: "id",
          auth_time: seconds,
          email: "alice@example.com",
        },
        refusal: "not_an_access_token",
      },
      {
        what: "a token for another API by the same client",
        header: untyped,
        claims: { ...cognitoAccess, aud: "https://other.example.com" },
        refusal: "other_audience",
      },
      {
        what: "a token of another client",
        header: untyped,
        claims: { ...cognitoAccess, client_id: "other" },
        refusal: "other_audience",
      },
      {
        what: "a client's own",
        header: untyped,
        claims: {
          ...bare,
          sub: "57cbishk4j24pabc1234567890",
          client_id: "57cbishk4j24pabc1234567890",
          token_use: "access",
          scope: "api/read",
          version: 2,
        },
        refusal: "of_a_machine",
      },
    ],
  },
  {
    name: "Keycloak before 25",
    config: { audiences: [us], types: ["JWT"], required_claims: { typ: "Bearer" }, allow_nonce: true },
    access: { header: jwt, claims: { ...keycloakAccess, nonce: "n", session_state: "9f2d" } },
    subject: "user:1d8c4f0e-5f5a-4d9c-9e49-0c7f0a8e5f11",
    others: keycloakOthers,
  },
  {
    name: "Keycloak from 25 on",
    config: { audiences: [us], types: ["JWT"], required_claims: { typ: "Bearer" } },
    access: { header: jwt, claims: keycloakAccess },
    subject: "user:1d8c4f0e-5f5a-4d9c-9e49-0c7f0a8e5f11",
    others: keycloakOthers,
  },
  {
    name: "Keycloak with ES256 and at+jwt",
    config: { audiences: [us], algorithms: ["ES256"] },
    algorithm: "ES256",
    access: { header: { typ: "at+jwt" }, claims: keycloakAccess },
    subject: "user:1d8c4f0e-5f5a-4d9c-9e49-0c7f0a8e5f11",
    others: [{ what: "its ID token", header: jwt, claims: keycloakId, refusal: "type_not_allowed" }],
  },
  {
    name: "Entra ID, v1.0 tokens",
    config: {
      audiences: ["api://patwarden"],
      types: ["JWT"],
      subject: "{oid}",
      required_claims: { ver: "1.0", scp: "*" },
    },
    access: {
      header: { ...jwt, x5t: "x" },
      claims: {
        ...entra,
        aud: "api://patwarden",
        acr: "1",
        amr: ["pwd"],
        appid: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        appidacr: "0",
        name: "Alice",
        scp: "access_as_user",
        unique_name: "alice@example.com",
        upn: "alice@example.com",
        ver: "1.0",
      },
    },
    subject: "user:690222be-ff1a-4d56-abd1-7e4f7d38e474",
    others: [
      {
        what: "its ID token",
        header: jwt,
        claims: { ...entra, aud: "6e74172b-be56-4843-9ff4-e66a39bb12e3", ver: "1.0", upn: "alice@example.com" },
        refusal: "not_an_access_token",
      },
    ],
  },
  {
    name: "Entra ID, v2.0 tokens",
    config: {
      audiences: ["6e74172b-be56-4843-9ff4-e66a39bb12e3"],
      types: ["JWT"],
      subject: "{oid}",
      required_claims: { ver: "2.0", scp: "*" },
    },
    access: {
      header: jwt,
      claims: {
        ...entra,
        aud: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        azp: "1d1d1d1d-be56-4843-9ff4-e66a39bb12e3",
        azpacr: "0",
        name: "Alice",
        preferred_username: "alice@example.com",
        scp: "access_as_user",
        ver: "2.0",
      },
    },
    subject: "user:690222be-ff1a-4d56-abd1-7e4f7d38e474",
    others: [
      {
        what: "an ID token for the same registration, without a nonce",
        header: jwt,
        claims: { ...entra, aud: "6e74172b-be56-4843-9ff4-e66a39bb12e3", ver: "2.0", name: "Alice" },
        refusal: "not_an_access_token",
      },
      {
        what: "an application's own",
        header: jwt,
        claims: {
          ...entra,
          sub: entra.oid,
          aud: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
          azp: "1d1d1d1d-be56-4843-9ff4-e66a39bb12e3",
          roles: ["Tokens.Read"],
          ver: "2.0",
        },
        refusal: "not_an_access_token",
      },
    ],
  },
  {
    name: "Google's Identity Platform",
    config: { audiences: ["my-project"], types: ["JWT"], required_claims: { firebase: "*" } },
    access: {
      header: jwt,
      claims: {
        ...bare,
        aud: "my-project",
        auth_time: seconds,
        user_id: "0a1B2c3D4e5F6g7H8i9J0kLmNoP1",
        sub: "0a1B2c3D4e5F6g7H8i9J0kLmNoP1",
        email: "alice@example.com",
        email_verified: false,
        firebase: { identities: { email: ["alice@example.com"] }, sign_in_provider: "password" },
      },
    },
    subject: "user:0a1B2c3D4e5F6g7H8i9J0kLmNoP1",
    others: [
      {
        what: "an ID token of Google for a client",
        header: jwt,
        claims: { ...bare, aud: "my-project", sub: "110169484474386276334", azp: "x.apps.googleusercontent.com" },
        refusal: "not_an_access_token",
      },
      {
        what: "a token for another project",
        header: jwt,
        claims: { ...bare, aud: "other-project", sub: "0a1B", firebase: { sign_in_provider: "password" } },
        refusal: "other_audience",
      },
    ],
  },
  {
    name: "Zitadel",
    config: { audiences: ["165617389845094001"], types: ["JWT"], required_claims: { jti: "*" } },
    access: { header: jwt, claims: zitadelAccess },
    subject: "user:165617389845094785",
    others: [
      { what: "its ID token", header: jwt, claims: zitadelId, refusal: "not_an_access_token" },
      {
        what: "its ID token with the hash of the access token",
        header: jwt,
        claims: { ...zitadelId, at_hash: "h", nonce: "n" },
        refusal: "not_an_access_token",
      },
    ],
  },
  {
    name: "Casdoor",
    config: {
      audiences: ["294b09fbc17f95daf2fe"],
      types: ["JWT"],
      required_claims: { tokenType: "access-token" },
      allow_nonce: true,
    },
    access: { header: jwt, claims: casdoorAccess },
    subject: "user:cc34f1b6-7d26-4b53-9d62-4b8c5e2e77d9",
    others: [
      {
        what: "its refresh token",
        header: jwt,
        claims: { ...casdoorAccess, tokenType: "refresh-token" },
        refusal: "not_an_access_token",
      },
      {
        what: "an ID token without its mark",
        header: jwt,
        claims: { ...casdoorAccess, tokenType: undefined },
        refusal: "not_an_access_token",
      },
    ],
  },
  {
    name: "authentik",
    config: {
      audiences: ["KkT1b9y7CwQZ"],
      algorithms: ["RS256", "ES256"],
      types: ["JWT"],
      required_claims: { uid: "*", azp: "KkT1b9y7CwQZ" },
      allow_nonce: true,
    },
    algorithm: "ES256",
    access: { header: jwt, claims: { ...authentikId, azp: "KkT1b9y7CwQZ", uid: "VqA8" } },
    subject: "user:9f3ab1c2d4e5f60718293a4b5c6d7e8f9f3ab1c2d4e5f60718293a4b5c6d7e8f",
    others: [
      { what: "its ID token", header: jwt, claims: authentikId, refusal: "not_an_access_token" },
      {
        what: "its ID token without a nonce",
        header: jwt,
        claims: { ...authentikId, nonce: undefined },
        refusal: "not_an_access_token",
      },
    ],
  },
  {
    name: "Clerk, session tokens",
    config: {
      audiences: ["https://app.example.com"],
      audience_claim: "azp",
      types: ["JWT"],
      required_claims: { sid: "*", fva: "*" },
    },
    access: { header: { ...jwt, cat: "cl_B7d4PD111AAA" }, claims: clerkSession },
    subject: "user:user_2q8YdXQ7H1",
    others: [
      {
        what: "an ID token for a client",
        header: jwt,
        claims: { ...bare, sub: "user_2q8YdXQ7H1", aud: "client_1", azp: "client_1", sid: "sess_1" },
        refusal: "not_an_access_token",
      },
      {
        what: "a session token of another page",
        header: jwt,
        claims: { ...clerkSession, azp: "https://other.example.com" },
        refusal: "other_audience",
      },
    ],
  },
];

const keys: Partial<Record<OidcAlgorithm, SigningKey>> = {};
const issuers = new Map<Provider, TestIssuer>();
beforeAll(async () => {
  for (const provider of providers) {
    const algorithm = provider.algorithm ?? "RS256";
    const key = keys[algorithm] ?? (await makeSigningKey(algorithm));
    keys[algorithm] = key;
    issuers.set(provider, await startTestIssuer({ key }));
  }
});
afterAll(async () => {
  await Promise.all([...issuers.values()].map((issuer) => issuer.stop()));
});

function issuerOf(provider: Provider): TestIssuer {
  const issuer = issuers.get(provider);
  if (!issuer) throw new Error("every provider has an issuer");
  return issuer;
}

const sign = (provider: Provider, { header, claims }: Made) => issuerOf(provider).sign(claims, header);

/** Converts the configuration to the names of the code. */
function configOf(provider: Provider): IssuerConfig {
  const { audiences, audience_claim = "aud", algorithms = ["RS256"], subject = "{sub}" } = provider.config;
  const { types = ["at+jwt"], required_claims = {}, allow_nonce = false } = provider.config;
  return issuerOf(provider).config({
    audiences,
    audienceClaim: audience_claim,
    algorithms,
    types: types.map((type) => type.toLowerCase()),
    subject,
    requiredClaims: required_claims,
    allowNonce: allow_nonce,
  });
}

async function verified(
  provider: Provider,
  made: Made,
  over: Partial<IssuerConfig> = {},
): Promise<{ readonly subject: string | undefined; readonly refusals: readonly TokenRefusal[] }> {
  const refusals: TokenRefusal[] = [];
  const verifier = createOidcVerifier([{ ...configOf(provider), ...over }], {
    onRefusal: (reason) => refusals.push(reason),
  });
  return { subject: (await verifier.verify(await sign(provider, made)))?.subject, refusals };
}

describe.each(providers)("B1 an access token of $name", (provider) => {
  it("B1 proves its user", async () => {
    expect(await verified(provider, provider.access)).toEqual({ subject: provider.subject, refusals: [] });
  });

  it.each(provider.others)("B1 $what does not", async ({ refusal, ...made }) => {
    expect(await verified(provider, made)).toEqual({ subject: undefined, refusals: [refusal] });
  });

  it("B1 is refused when its format is not configured, unless it follows RFC 9068", async () => {
    const { subject } = await verified(provider, provider.access, {
      types: ["at+jwt"],
      audienceClaim: "aud",
      requiredClaims: {},
      allowNonce: false,
    });
    const { typ } = provider.access.header;
    expect(subject === undefined).toBe(typ !== "at+jwt");
  });
});

it("B1 a nonce needs allow_nonce: without it, the token counts as an ID token", async () => {
  const withNonce = providers.filter(({ config }) => config.allow_nonce);
  expect(withNonce.map(({ name }) => name)).toEqual(["Keycloak before 25", "Casdoor", "authentik"]);
  for (const provider of withNonce) {
    expect(await verified(provider, provider.access, { allowNonce: false })).toMatchObject({
      refusals: ["has_a_nonce"],
    });
  }
});

it("B1 an application of Entra without the claim idtyp is recognized by its object", async () => {
  const provider = providers.find(({ name }) => name.includes("v2.0"));
  const made = provider?.others.find(({ what }) => what.startsWith("an application"));
  if (!provider || !made) throw new Error("the table has both");
  expect(await verified(provider, made, { requiredClaims: {} })).toMatchObject({ refusals: ["of_a_machine"] });
});

describe("B1 over a server", () => {
  let patwarden: Patwarden;
  beforeAll(async () => {
    patwarden = await startPatwarden({
      config: {
        public_http: { listen: "127.0.0.1:0" },
        issuers: providers.map((provider) => ({
          issuer: issuerOf(provider).url,
          // Each issuer has the ids of its own table.
          shared_subjects: true,
          ...provider.config,
        })),
      },
    });
  });
  afterAll(() => patwarden.stop());

  it("B1 users of every provider make tokens, and its other tokens are refused, logged and counted", async () => {
    const port = httpPort(patwarden.server.publicHttp, "");
    const make = async (provider: Provider, made: Made) =>
      port.call(
        TokenService.method.createToken,
        { name: provider.name, grant: { full: true } },
        { key: await sign(provider, made) },
      );
    for (const provider of providers) {
      const reply = await make(provider, provider.access);
      expect([provider.name, reply.ok && reply.value.token?.subject]).toEqual([provider.name, provider.subject]);
      for (const other of provider.others) {
        expect([provider.name, other.what, await make(provider, other)]).toMatchObject([
          provider.name,
          other.what,
          { ok: false, code: "UNAUTHENTICATED" },
        ]);
      }
    }
    const [first] = providers;
    if (!first) throw new Error("the table is not empty");
    for (let times = 0; times < 20; times += 1) await port.call(TokenService.method.listTokens, {}, { key: "garbage" });
    const lines = patwarden.server
      .log()
      .split("\n")
      .filter((line) => line.includes("an access token was refused"))
      .map((line) => JSON.parse(line));
    const told = (issuer: string | undefined, reason: string) =>
      lines.filter((line) => line.issuer === issuer && line.reason === reason);
    for (const provider of providers) {
      for (const { refusal } of provider.others) expect(told(issuerOf(provider).url, refusal)).toHaveLength(1);
    }
    expect(told(undefined, "not_a_signed_jwt")).toMatchObject([{ level: "info", meaning: expect.any(String) }]);
    const metrics = await patwarden.metrics();
    expect(metrics).toContain('patwarden_access_tokens_refused_total{issuer="",reason="not_a_signed_jwt"} 20');
    expect(metrics).toContain(`{issuer="${issuerOf(first).url}",reason="has_a_nonce"} 1`);
  });
});
