import { exportSPKI, importJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type IssuerMode,
  makeSigningKey,
  type SigningKey,
  startTestIssuer,
  type TestIssuer,
} from "../../../test/kit/issuer.js";
import { Failure } from "../../domain/errors.js";
import type { IssuerConfig, TokenRefusal } from "./access-token.js";
import { IssuerKeys } from "./issuer-keys.js";
import { createOidcVerifier, type OidcOptions, type OidcVerifier } from "./oidc.js";

const time = new Date("2026-03-01T12:00:00Z");
const seconds = time.getTime() / 1000;
const minute = 60_000;
const hour = 60 * minute;

interface Subject extends OidcVerifier {
  /** Why each token was refused. */
  readonly refusals: readonly TokenRefusal[];
  readonly fetchFailures: readonly { readonly issuer: string; readonly message: string }[];
  /** Advances the clock by milliseconds. */
  pass(ms: number): void;
}

function verifierOf(configs: readonly IssuerConfig[], options: OidcOptions = {}): Subject {
  const refusals: TokenRefusal[] = [];
  const fetchFailures: { issuer: string; message: string }[] = [];
  let monotonic = 1_000_000;
  const verifier = createOidcVerifier(configs, {
    clock: { now: () => time },
    monotonicMs: () => monotonic,
    random: () => 1,
    onRefusal: (reason) => refusals.push(reason),
    onFetchFailure: (issuer, error) =>
      fetchFailures.push({ issuer, message: error instanceof Error ? error.message : "" }),
    ...options,
  });
  return {
    ...verifier,
    refusals,
    fetchFailures,
    pass(ms) {
      monotonic += ms;
    },
  };
}

/** Returns the subject, `refused`, or `unavailable` when keys cannot be fetched. Any other error is a defect. */
async function outcomeOf(verifier: OidcVerifier, token: string): Promise<string> {
  try {
    return (await verifier.verify(token))?.subject ?? "refused";
  } catch (error) {
    if (error instanceof Failure && error.reason === "ISSUER_UNAVAILABLE") return "unavailable";
    throw error;
  }
}

const issuers: TestIssuer[] = [];
let usualKey: SigningKey | undefined;
async function newIssuer(): Promise<TestIssuer> {
  usualKey ??= await makeSigningKey();
  const issuer = await startTestIssuer({ now: () => time, key: usualKey });
  issuers.push(issuer);
  return issuer;
}
afterAll(async () => {
  await Promise.all(issuers.map((issuer) => issuer.stop()));
});

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

let issuer: TestIssuer;
let key: SigningKey;
let attackersKey: SigningKey;
beforeAll(async () => {
  issuer = await newIssuer();
  key = await makeSigningKey("RS256", "first");
  attackersKey = await makeSigningKey("RS256", "attackers");
  issuer.publish(key, await makeSigningKey("RS256", "second"));
});

describe("an access token", () => {
  it("proves its user", async () => {
    const verifier = verifierOf([issuer.config()]);
    expect(await verifier.verify(await issuer.sign())).toEqual({
      subject: "user:alice",
      issuer: issuer.url,
      admin: false,
      signIn: { endTime: new Date(time.getTime() + hour) },
    });
    expect(verifier.refusals).toEqual([]);
  });

  it("tells how and when its user signed in", async () => {
    const stepUp = { maxAgeMs: 600_000, acrValues: ["mfa"] };
    const verifier = verifierOf([issuer.config({ stepUp })]);
    const seconds = Math.floor(time.getTime() / 1000) - 90;
    const token = await issuer.sign({ auth_time: seconds, acr: "mfa", name: "Alice" });
    expect((await verifier.verify(token))?.signIn).toEqual({
      authTime: new Date(seconds * 1000),
      acr: "mfa",
      displayName: "Alice",
      endTime: new Date(time.getTime() + hour),
      stepUp,
    });
  });

  it.each<[string, object]>([
    ["texts", { auth_time: "1700000000", acr: 1, name: {} }],
    ["too large", { auth_time: 1e300, acr: "", name: "" }],
    ["lists", { auth_time: [1], acr: ["mfa"], name: ["Alice"] }],
  ])("tells nothing about the sign-in by claims of the wrong type: %s", async (_what, claims) => {
    const user = await verifierOf([issuer.config()]).verify(await issuer.sign({ ...claims }));
    expect(user?.signIn).toEqual({ endTime: new Date(time.getTime() + hour) });
  });

  it("tells a display name of at most 200 characters, and none that deceives", async () => {
    const nameOf = async (name: string) =>
      (await verifierOf([issuer.config()]).verify(await issuer.sign({ name })))?.signIn.displayName;
    expect(await nameOf(`${"x".repeat(199)}😀😀`)).toBe(`${"x".repeat(199)}😀`);
    expect(await nameOf("Ada \u202e\u0000Lovelace\ud800")).toBe("Ada Lovelace");
    expect(await nameOf("\u200b")).toBeUndefined();
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"] as const)("may be signed with %s where that is allowed", async (alg) => {
    const other = await newIssuer();
    other.publish(await makeSigningKey(alg));
    const token = await other.sign();
    expect(await outcomeOf(verifierOf([other.config({ algorithms: [alg] })]), token)).toBe("user:alice");
    const others = (["RS256", "PS256", "ES256", "EdDSA"] as const).filter((allowed) => allowed !== alg);
    const strict = verifierOf([other.config({ algorithms: others })]);
    expect(await outcomeOf(strict, token)).toBe("refused");
    expect(strict.refusals).toEqual(["algorithm_not_allowed"]);
  });

  // Valid tokens that look unusual.
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ["one audience of several", { aud: ["https://api.example.com", "https://patwarden.example.com"] }, {}],
    ["a type written in full", {}, { typ: "application/at+jwt" }],
    ["a type in capitals", {}, { typ: "AT+JWT" }],
    ["an id of an Auth0 user", { sub: "auth0|5f7c8ec7c33c6c004bbafe82" }, {}],
    ["no client", { client_id: undefined }, {}],
    ["an expiry within the skew", { iat: seconds - 3600, exp: seconds - 59 }, {}],
    ["a beginning within the skew", { iat: seconds + 59, nbf: seconds + 59 }, {}],
    ["the longest lifetime that is allowed", { exp: seconds + 86_400 }, {}],
    ["the address of another's keys in its header", {}, { jku: "https://attacker.example/keys" }],
  ])("with %s is good", async (_, claims, header) => {
    const verifier = verifierOf([issuer.config()]);
    await verifier.verify(await issuer.sign(claims, header));
    expect(verifier.refusals).toEqual([]);
  });

  const claimed = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) => {
    return () => issuer.sign(claims, header);
  };
  const segments = async (): Promise<[string, string, string]> => {
    return (await issuer.sign()).split(".") as [string, string, string]; // a JWS has three
  };

  it.each<[string, () => Promise<string> | string, TokenRefusal]>([
    ["no token", () => "", "not_a_signed_jwt"],
    ["garbage", () => "garbage", "not_a_signed_jwt"],
    ["three parts of garbage", () => "a.b.c", "not_a_signed_jwt"],
    ["an encrypted token", () => `${encoded({ alg: "dir", enc: "A256GCM" })}..a.b.c`, "not_a_signed_jwt"],
    [
      "a list for claims",
      async () => `${(await segments())[0]}.${encoded([])}.${(await segments())[2]}`,
      "not_a_signed_jwt",
    ],
    ["more than 16 KiB", claimed({ padding: "a".repeat(16_384) }), "too_long"],

    ["no issuer", claimed({ iss: undefined }), "unknown_issuer"],
    ["another issuer", claimed({ iss: "https://login.example.com/" }), "unknown_issuer"],
    ["an issuer without its slash", () => issuer.sign({ iss: issuer.url.slice(0, -1) }), "unknown_issuer"],
    ["a list of issuers", () => issuer.sign({ iss: [issuer.url] }), "unknown_issuer"],
    ["an issuer like a method of every object", claimed({ iss: "constructor" }), "unknown_issuer"],

    [
      "algorithm none",
      async () => `${encoded({ alg: "none", typ: "at+jwt" })}.${(await segments())[1]}.`,
      "algorithm_not_allowed",
    ],
    [
      "algorithm none in capitals",
      async () => `${encoded({ alg: "NONE", typ: "at+jwt" })}.${(await segments())[1]}.`,
      "algorithm_not_allowed",
    ],
    ["no algorithm", async () => `${encoded({ typ: "at+jwt" })}.${(await segments())[1]}.`, "algorithm_not_allowed"],
    [
      "an HMAC with the public key",
      async () => {
        const publicKey = await importJWK(key.publicJwk, "RS256", { extractable: true });
        if (publicKey instanceof Uint8Array) throw new Error("an RSA key is no bytes");
        return new SignJWT({ iss: issuer.url, aud: issuer.audience, sub: "alice", iat: seconds, exp: seconds + 60 })
          .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: "first" })
          .sign(Buffer.from(await exportSPKI(publicKey)));
      },
      "algorithm_not_allowed",
    ],

    ["no type", claimed({}, { typ: undefined }), "type_not_allowed"],
    ["the type of any JWT", claimed({}, { typ: "JWT" }), "type_not_allowed"],
    ["the type of a logout token", claimed({}, { typ: "logout+jwt" }), "type_not_allowed"],
    ["a type of another family", claimed({}, { typ: "text/at+jwt" }), "type_not_allowed"],

    ["no audience", claimed({ aud: undefined }), "other_audience"],
    ["another audience", claimed({ aud: "https://api.example.com" }), "other_audience"],
    ["other audiences", claimed({ aud: ["https://api.example.com", "cli"] }), "other_audience"],
    ["an audience that ours begins", claimed({ aud: "https://patwarden.example.com/" }), "other_audience"],
    ["an audience that is no text", claimed({ aud: { 0: "https://patwarden.example.com" } }), "other_audience"],

    ["no expiry", claimed({ exp: undefined }), "claims_missing"],
    ["no issue time", claimed({ iat: undefined }), "claims_missing"],
    ["an expiry in words", claimed({ exp: "tomorrow" }), "claims_missing"],
    ["a beginning in words", claimed({ nbf: "now" }), "claims_missing"],
    ["an end", claimed({ iat: seconds - 3600, exp: seconds - 60 }), "expired"],
    ["a beginning to come", claimed({ nbf: seconds + 61 }), "not_yet_valid"],
    ["an issue time to come", claimed({ iat: seconds + 61 }), "not_yet_valid"],
    ["an issue time of tomorrow", claimed({ iat: seconds + 86_400, exp: seconds + 90_000 }), "not_yet_valid"],
    ["a hundred years to live", claimed({ exp: seconds + 3_155_760_000 }), "lives_too_long"],
    ["a second too long to live", claimed({ exp: seconds + 86_401 }), "lives_too_long"],
    ["an issue time before all times", claimed({ iat: -1e300 }), "lives_too_long"],

    ["no subject", claimed({ sub: undefined }), "claims_missing"],
    ["an empty subject", claimed({ sub: "" }), "claims_missing"],
    ["a number for its subject", claimed({ sub: 7 }), "claims_missing"],
    ["a list of subjects", claimed({ sub: ["alice"] }), "claims_missing"],
    ["a userset for its subject", claimed({ sub: "acme#member" }), "no_usable_subject"],
    ["everybody for its subject", claimed({ sub: "*" }), "no_usable_subject"],
    ["a typed subject", claimed({ sub: "organization:acme" }), "no_usable_subject"],
    ["a blank in its subject", claimed({ sub: "alice smith" }), "no_usable_subject"],
    ["a line end after its subject", claimed({ sub: "alice\n" }), "no_usable_subject"],
    ["a letter like another in its subject", claimed({ sub: "\u0430lice" }), "no_usable_subject"],
    ["a subject too long", claimed({ sub: "a".repeat(201) }), "no_usable_subject"],

    ["a proof that it does not bring", claimed({ cnf: { jkt: "x" } }), "bound_to_a_key"],
    ["the client for its subject", claimed({ sub: "cli" }), "of_a_machine"],
    ["the party for its subject", claimed({ azp: "alice", client_id: undefined }), "of_a_machine"],
    ["the client of Okta for its subject", claimed({ cid: "alice", client_id: undefined }), "of_a_machine"],
    ["a grant of client credentials", claimed({ gty: "client-credentials" }), "of_a_machine"],
    ["a list of grants", claimed({ gty: ["client_credentials"] }), "of_a_machine"],
    ["a subject of a client of Auth0", claimed({ sub: "x@clients" }), "of_a_machine"],
    ["the mark of an application", claimed({ idtyp: "app" }), "of_a_machine"],
    ["the name of a service account", claimed({ preferred_username: "service-account-shop" }), "of_a_machine"],

    ["an unknown key", () => issuer.signWith(attackersKey), "unknown_key"],
    ["another key of the same name", () => issuer.signWith(attackersKey, {}, { kid: "first" }), "bad_signature"],
    ["a known key's name of another's", () => issuer.signWith(key, {}, { kid: "second" }), "bad_signature"],
    ["a name of a key that is no text", () => issuer.signWith(key, {}, { kid: 7 as unknown as string }), "unknown_key"],
    [
      "an unknown key in its own header",
      () => issuer.signWith(attackersKey, {}, { kid: "first", jwk: attackersKey.publicJwk }),
      "bad_signature",
    ],
    ["an unknown key of no name", () => issuer.signWith(attackersKey, {}, { kid: undefined }), "unknown_key"],
    [
      "claims of another token",
      async () => {
        const [header, , signature] = await segments();
        const claims = (await issuer.sign({ sub: "mallory" })).split(".")[1];
        return `${header}.${claims}.${signature}`;
      },
      "bad_signature",
    ],
    ["no signature", async () => `${(await segments()).slice(0, 2).join(".")}.`, "bad_signature"],
    ["a header that demands what nobody knows", claimed({}, { crit: ["x"], x: 1 }), "bad_signature"],
  ])("with %s is refused", async (_, make, reason) => {
    const verifier = verifierOf([issuer.config()]);
    expect(await verifier.verify(await make())).toBeUndefined();
    expect(verifier.refusals).toEqual([reason]);
  });

  it("cannot name the address of its keys", async () => {
    const attacker = await newIssuer();
    attacker.publish(attackersKey);
    const verifier = verifierOf([issuer.config()]);
    for (const parameter of ["jku", "x5u"]) {
      const header = { kid: "attackers", [parameter]: `${attacker.url}keys` };
      expect(await outcomeOf(verifier, await issuer.signWith(attackersKey, {}, header))).toBe("refused");
    }
    expect(verifier.refusals).toEqual(["unknown_key", "unknown_key"]);
    expect(attacker.keyFetches).toBe(0);
  });

  it("signed with a key that is too short is refused", async () => {
    const other = await newIssuer();
    const n = Buffer.alloc(128, 0xa5).toString("base64url");
    other.publish({ ...key, publicJwk: { kty: "RSA", n, e: "AQAB", kid: "first", alg: "RS256" } });
    const verifier = verifierOf([other.config()]);
    expect(await outcomeOf(verifier, await other.sign())).toBe("refused");
    expect(verifier.refusals).toEqual(["unusable_key"]);
  });
});

describe("where the type says no more than JWT", () => {
  it.each<[string, Record<string, unknown>, TokenRefusal | undefined]>([
    ["an access token", {}, undefined],
    ["an access token of Keycloak", { typ: "Bearer" }, undefined],
    ["an access token of Cognito", { token_use: "access" }, undefined],
    ["an ID token", { nonce: "n" }, "has_a_nonce"],
    ["an ID token with the hash of its access token", { at_hash: "h" }, "not_an_access_token"],
    ["an ID token with the hash of its code", { c_hash: "h" }, "not_an_access_token"],
    ["an ID token of Keycloak", { typ: "ID" }, "not_an_access_token"],
    ["a refresh token of Keycloak", { typ: "Refresh" }, "not_an_access_token"],
    ["an ID token of Cognito", { token_use: "id" }, "not_an_access_token"],
    ["a logout token", { events: {} }, "not_an_access_token"],
  ])("%s is known by its claims", async (_, claims, reason) => {
    const verifier = verifierOf([issuer.config({ types: ["jwt"] })]);
    await verifier.verify(await issuer.sign(claims, { typ: "JWT" }));
    expect(verifier.refusals).toEqual(reason ? [reason] : []);
  });
});

describe("the configuration of an issuer", () => {
  const good = "good";

  it.each<[Partial<IssuerConfig>, Record<string, unknown>, TokenRefusal | typeof good]>([
    [{ audiences: ["a", "b"] }, { aud: "b" }, good],
    [{ audiences: ["a", "b"] }, { aud: "c" }, "other_audience"],
    [{ requiredScopes: ["tokens"] }, { scope: "openid tokens" }, good],
    [{ requiredScopes: ["tokens"] }, { scp: ["openid", "tokens"] }, good],
    [{ requiredScopes: ["tokens", "more"] }, { scope: "openid tokens" }, "scope_missing"],
    [{ requiredScopes: ["tokens"] }, { scope: "tokens.read" }, "scope_missing"],
    [{ requiredScopes: ["tokens"] }, {}, "scope_missing"],
    [{ clients: ["cli", "web"] }, { client_id: "web" }, good],
    [{ clients: ["cli"] }, { client_id: undefined, azp: "cli" }, good],
    [{ clients: ["cli"] }, { client_id: "shop" }, "client_not_allowed"],
    [{ clients: ["cli"] }, { client_id: "cli", azp: "shop" }, "client_not_allowed"],
    [{ clients: ["cli"] }, { client_id: undefined }, "client_not_allowed"],
    [{ maxLifetimeMs: minute }, { exp: seconds + 60 }, good],
    [{ maxLifetimeMs: minute }, { exp: seconds + 61 }, "lives_too_long"],
  ])("%j: a token with %j: %s", async (over, claims, expected) => {
    const verifier = verifierOf([issuer.config(over)]);
    await verifier.verify(await issuer.sign(claims));
    expect(verifier.refusals).toEqual(expected === good ? [] : [expected]);
  });

  it.each<[unknown, boolean]>([
    ["warden", true],
    [["user", "warden"], true],
    [["user"], false],
    ["wardens", false],
    ["user warden", false],
    [{ warden: true }, false],
    [true, false],
    [undefined, false],
  ])("says that roles %j make an administrator: %s", async (roles, admin) => {
    const verifier = verifierOf([issuer.config({ admin: { claim: "roles", value: "warden" } })]);
    expect((await verifier.verify(await issuer.sign({ roles })))?.admin).toBe(admin);
  });

  it("makes nobody an administrator unless it says so", async () => {
    const token = await issuer.sign({ roles: ["warden", "admin"], admin: true });
    expect((await verifierOf([issuer.config()]).verify(token))?.admin).toBe(false);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["acme|{sub}", {}, "user:acme|alice"],
    ["{oid}", { oid: "7" }, "user:7"],
    ["{oid}", {}, "refused"],
    ["{oid}", { oid: 7 }, "refused"],
    ["{oid}", { oid: "" }, "refused"],
    ["{tid}/{oid}", { tid: "a", oid: "b/c" }, "user:a/b/c"],
    ["{tid}/{oid}", { tid: "a/b", oid: "c" }, "refused"],
    ["{constructor}", {}, "refused"],
  ])("makes a user by %s of %j: %s", async (subject, claims, expected) => {
    expect(await outcomeOf(verifierOf([issuer.config({ subject })]), await issuer.sign(claims))).toBe(expected);
  });

  it("names users by the type that the model has", async () => {
    const subjectTypes = { user: "person", organization: "tenant" };
    expect(await outcomeOf(verifierOf([issuer.config()], { subjectTypes }), await issuer.sign())).toBe("person:alice");
  });
});

describe("two issuers", () => {
  let other: TestIssuer;
  let verifier: Subject;
  beforeAll(async () => {
    other = await newIssuer();
    verifier = verifierOf([
      issuer.config({ subject: "one|{sub}", admin: { claim: "roles", value: "warden" } }),
      other.config({ subject: "two|{sub}", audiences: ["https://two.example.com"] }),
    ]);
  });

  it("make two users of the same subject", async () => {
    expect(await outcomeOf(verifier, await issuer.sign())).toBe("user:one|alice");
    expect(await outcomeOf(verifier, await other.sign({ aud: "https://two.example.com" }))).toBe("user:two|alice");
  });

  it("do not sign for each other", async () => {
    const name = { kid: "first" };
    expect(await outcomeOf(verifier, await other.sign({ iss: issuer.url }, name))).toBe("refused");
    expect(await outcomeOf(verifier, await issuer.sign({ iss: other.url, aud: "https://two.example.com" }))).toBe(
      "refused",
    );
  });

  it("keep their own audiences and administrators", async () => {
    expect(await outcomeOf(verifier, await other.sign())).toBe("refused");
    const token = await other.sign({ aud: "https://two.example.com", roles: "warden" });
    expect((await verifier.verify(token))?.admin).toBe(false);
  });

  it("can be replaced, and the one that stays keeps its keys", async () => {
    const mine = await newIssuer();
    const yours = await newIssuer();
    const changing = verifierOf([mine.config()]);
    expect(await outcomeOf(changing, await mine.sign())).toBe("user:alice");
    changing.replace([mine.config({ subject: "new|{sub}" }), yours.config()]);
    expect(await outcomeOf(changing, await mine.sign())).toBe("user:new|alice");
    expect(await outcomeOf(changing, await yours.sign())).toBe("user:alice");
    expect([mine.keyFetches, yours.keyFetches]).toEqual([1, 1]);
    changing.replace([yours.config()]);
    expect(await outcomeOf(changing, await mine.sign())).toBe("refused");
  });
});

describe("keys of an issuer", () => {
  let own: TestIssuer;
  let verifier: Subject;
  const arrange = async (options: OidcOptions = {}): Promise<void> => {
    own = await newIssuer();
    verifier = verifierOf([own.config()], options);
  };
  const repeated = async (times: number, token: string): Promise<ReadonlySet<string>> => {
    const outcomes = await Promise.all(Array.from({ length: times }, () => outcomeOf(verifier, token)));
    return new Set(outcomes);
  };

  it("are fetched once for all calls that wait for them", async () => {
    await arrange();
    own.set({ kind: "stalled" });
    const token = await own.sign();
    const outcomes = repeated(20, token);
    await own.requested(1);
    own.set({ kind: "well" });
    expect(await outcomes).toEqual(new Set(["user:alice"]));
    expect([own.discoveryFetches, own.keyFetches]).toEqual([1, 1]);
  });

  it("are not fetched for tokens whose own claims are wrong", async () => {
    await arrange();
    const tokens = ["garbage", await own.sign({ exp: seconds - 61 }), await own.sign({ aud: "x" })];
    for (const token of tokens) expect(await outcomeOf(verifier, token)).toBe("refused");
    expect(own.discoveryFetches).toBe(0);
  });

  it("are kept for their age, and then fetched again", async () => {
    await arrange();
    const token = await own.sign();
    await outcomeOf(verifier, token);
    verifier.pass(10 * minute - 1);
    await outcomeOf(verifier, token);
    expect(own.keyFetches).toBe(1);
    verifier.pass(1);
    await outcomeOf(verifier, token);
    expect(own.keyFetches).toBe(2);
  });

  it("that the issuer has removed are trusted until the maximum age", async () => {
    await arrange();
    const token = await own.sign();
    await outcomeOf(verifier, token);
    own.publish(await makeSigningKey());
    verifier.pass(10 * minute - 1);
    expect(await outcomeOf(verifier, token)).toBe("user:alice");
    verifier.pass(1);
    expect(await outcomeOf(verifier, token)).toBe("refused");
  });

  it("B2 that an issuer signs with as soon as it has published them are found at once", async () => {
    await arrange();
    await outcomeOf(verifier, await own.sign());
    for (let change = 1; change <= 3; change += 1) {
      own.publish(await makeSigningKey());
      expect(await repeated(20, await own.sign())).toEqual(new Set(["user:alice"]));
      expect(own.keyFetches).toBe(1 + change);
    }
    expect(verifier.refusals).toEqual([]);
  });

  it("B2 without kid are found at once, too", async () => {
    await arrange();
    own.publish(await makeSigningKey("RS256", null));
    await outcomeOf(verifier, await own.sign());
    own.publish(await makeSigningKey("RS256", null));
    expect(await repeated(20, await own.sign())).toEqual(new Set(["user:alice"]));
    expect(verifier.refusals).toEqual([]);
  });

  it("B2 that do not exist cause at most one fetch in 30 seconds, and a new key is not refused meanwhile", async () => {
    await arrange();
    const old = await own.sign();
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => own.signWith(attackersKey, {}, { kid: `made-up-${index}` })),
    );
    const all = async () => {
      const outcomes: string[] = [];
      for (const token of made) outcomes.push(await outcomeOf(verifier, token));
      return outcomes;
    };
    const first = [...Array<string>(4).fill("refused"), ...Array<string>(16).fill("unavailable")];
    expect(await all()).toEqual(first);
    expect(own.keyFetches).toBe(4);
    // The first four keys are known to be missing: their answer stays.
    expect(await all()).toEqual(first);
    own.publish(await makeSigningKey());
    expect(await outcomeOf(verifier, await own.sign())).toBe("unavailable");
    expect(await outcomeOf(verifier, old)).toBe("user:alice");
    expect(own.keyFetches).toBe(4);
    const failure = await verifier.verify(await own.sign()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: "ISSUER_UNAVAILABLE", retryDelayMs: 30_000 });
    verifier.pass(30_000);
    expect(await repeated(20, await own.sign())).toEqual(new Set(["user:alice"]));
    expect(own.keyFetches).toBe(5);
    for (let round = 1; round <= 3; round += 1) {
      verifier.pass(30_000);
      await all();
      expect(own.keyFetches).toBe(5 + round);
    }
  });

  it("B2 that are published late are looked up again", async () => {
    await arrange();
    const late = await makeSigningKey();
    const token = await own.signWith(late);
    expect(await outcomeOf(verifier, token)).toBe("refused");
    own.publish(late);
    verifier.pass(29_999);
    expect(await outcomeOf(verifier, token)).toBe("refused");
    verifier.pass(1);
    expect(await outcomeOf(verifier, token)).toBe("user:alice");
  });

  it("without kid are found among the first four", async () => {
    await arrange();
    const keys = await Promise.all(Array.from({ length: 5 }, () => makeSigningKey("RS256", null)));
    own.publish(...keys);
    const outcomes: string[] = [];
    for (const one of keys) outcomes.push(await outcomeOf(verifier, await own.signWith(one)));
    expect(outcomes).toEqual([...Array<string>(4).fill("user:alice"), "refused"]);
    expect(verifier.refusals).toEqual(["unknown_key"]);
  });

  it("of other kinds and for other uses are skipped", async () => {
    await arrange();
    const rsa = await makeSigningKey("RS256", null);
    const { kid: _, ...encrypting } = { ...attackersKey.publicJwk, use: "enc" };
    own.publish(
      rsa,
      await makeSigningKey("ES256", null),
      await makeSigningKey("EdDSA", null),
      { ...attackersKey, publicJwk: encrypting },
      { ...attackersKey, publicJwk: { kty: "oct", k: "c2VjcmV0" } },
    );
    expect(await outcomeOf(verifier, await own.signWith(rsa))).toBe("user:alice");
  });

  /** The ways in which an issuer can be down. */
  const outages: readonly [string, (issuer: TestIssuer) => IssuerMode][] = [
    ["answers 500", () => ({ kind: "error", status: 500 })],
    ["answers 404", () => ({ kind: "error", status: 404 })],
    ["redirects", () => ({ kind: "redirected" })],
    ["answers with text that is not JSON", () => ({ kind: "body", text: "<html>" })],
    ["answers with a list", () => ({ kind: "body", text: "[]" })],
    ["names no keys", ({ url }) => ({ kind: "body", text: JSON.stringify({ issuer: url }) })],
    [
      "names its own discovery document as keys",
      ({ url }) => ({ kind: "body", text: JSON.stringify({ issuer: url, jwks_uri: `${url}keys` }) }),
    ],
  ];

  it.each(outages)("of an issuer that %s cannot be fetched, which is no refusal", async (_, mode) => {
    await arrange();
    own.set(mode(own));
    expect(await outcomeOf(verifier, await own.sign())).toBe("unavailable");
    expect(verifier.refusals).toEqual([]);
    expect(verifier.fetchFailures).toMatchObject([{ issuer: own.url }]);
  });

  it("of an issuer that is configured without the slash at its end say what the document names", async () => {
    await arrange();
    const bare = own.url.replace(/\/$/, "");
    const told = async (document: Record<string, unknown>) => {
      own.set({ kind: "body", text: JSON.stringify(document) });
      const keys = new IssuerKeys(bare, { maxAgeMs: 1_000, fetchTimeoutMs: 1_000, onFailure: () => undefined });
      return keys.get().then(
        () => undefined,
        (error: Error) => String((error.cause as Error).message),
      );
    };
    const names = "the discovery document names";
    expect(await told({ issuer: `${bare}/` })).toBe(
      `${names} another issuer: it names ${bare}/, and issuers has ${bare}; write the slash at the end as the document does`,
    );
    expect(await told({ issuer: "https://b.example" })).toBe(
      `${names} another issuer: it names https://b.example, and issuers has ${bare}`,
    );
    for (const issuer of [undefined, "CANARY", "https://\u001b[31m"])
      expect(await told({ issuer })).toBe(`${names} no issuer that can be used`);
  });

  it.each<[string, (issuer: TestIssuer) => Record<string, unknown>]>([
    ["another issuer", () => ({ issuer: "https://login.example.com/" })],
    ["its issuer without the slash", ({ url }) => ({ issuer: url.slice(0, -1) })],
    ["no address of keys", () => ({ jwks_uri: undefined })],
    ["an address that is none", () => ({ jwks_uri: "keys" })],
    ["an address beyond loopback without TLS", () => ({ jwks_uri: "http://192.0.2.1/keys" })],
    ["a name like loopback", () => ({ jwks_uri: "http://127.0.0.1.example.com/keys" })],
    ["a file", () => ({ jwks_uri: "file:///etc/passwd" })],
    ["more than 256 KiB", () => ({ x: "x".repeat(262_144) })],
    ["data", () => ({ jwks_uri: `data:application/json,${encodeURIComponent('{"keys":[]}')}` })],
  ])("are not fetched when the discovery document names %s", async (_, over) => {
    await arrange();
    own.discover(over(own));
    expect(await outcomeOf(verifier, await own.sign())).toBe("unavailable");
    expect(own.keyFetches).toBe(0);
    // The document was refused; the failure is not that of an address that does not answer.
    expect(verifier.fetchFailures[0]?.message).toMatch(/names another issuer|has no jwks_uri|too large/);
  });

  it("of an issuer that does not answer cannot be fetched when the time is over", async () => {
    await arrange({ fetchTimeoutMs: 1 });
    own.set({ kind: "stalled" });
    expect(await outcomeOf(verifier, await own.sign())).toBe("unavailable");
  });

  it("of an issuer that nobody can reach cannot be fetched", async () => {
    const gone = await startTestIssuer({ now: () => time });
    const token = await gone.sign();
    await gone.stop();
    expect(await outcomeOf(verifierOf([gone.config()]), token)).toBe("unavailable");
  });

  it("are fetched after pauses that double up to a minute while the issuer is down", async () => {
    await arrange();
    own.set({ kind: "error", status: 500 });
    const token = await own.sign();
    for (const [fetches, pause] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      expect(await repeated(10, token)).toEqual(new Set(["unavailable"]));
      expect(own.discoveryFetches).toBe(fetches + 1);
      verifier.pass(pause * 1000 - 1);
      expect(await repeated(10, token)).toEqual(new Set(["unavailable"]));
      expect(own.discoveryFetches).toBe(fetches + 1);
      verifier.pass(1);
    }
    own.set({ kind: "well" });
    expect(await repeated(10, token)).toEqual(new Set(["user:alice"]));
    own.set({ kind: "error", status: 500 });
    verifier.pass(10 * minute);
    await repeated(10, token);
    verifier.pass(1000);
    await repeated(10, token);
    // A fetch has succeeded in between: pauses start again.
    expect(own.discoveryFetches).toBe(8 + 1 + 2);
  });

  it("are fetched after pauses with jitter, so that replicas do not fetch at the same time", async () => {
    await arrange({ random: () => 0 });
    own.set({ kind: "error", status: 500 });
    const token = await own.sign();
    await outcomeOf(verifier, token);
    verifier.pass(499);
    await outcomeOf(verifier, token);
    expect(own.discoveryFetches).toBe(1);
    verifier.pass(1);
    await outcomeOf(verifier, token);
    expect(own.discoveryFetches).toBe(2);
  });

  it("that are known are used for another hour while the issuer is down", async () => {
    await arrange();
    const token = await own.sign();
    await outcomeOf(verifier, token);
    own.set({ kind: "error", status: 500 });
    verifier.pass(10 * minute);
    expect(await repeated(20, token)).toEqual(new Set(["user:alice"]));
    expect(own.discoveryFetches).toBe(2);
    verifier.pass(hour - 1);
    expect(await outcomeOf(verifier, token)).toBe("user:alice");
    expect(verifier.fetchFailures).toHaveLength(2);
    verifier.pass(1);
    expect(await outcomeOf(verifier, token)).toBe("unavailable");
  });

  it("that are unknown cause no refusal while the issuer is down", async () => {
    await arrange();
    await outcomeOf(verifier, await own.sign());
    own.set({ kind: "error", status: 500 });
    const token = await own.signWith(attackersKey);
    verifier.pass(30_000);
    expect(await repeated(20, token)).toEqual(new Set(["unavailable"]));
    expect(own.discoveryFetches).toBe(2);
    expect(verifier.refusals).toEqual([]);
  });
});
