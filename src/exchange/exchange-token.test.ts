import { describe, expect, it } from "vitest";
import { resolvedToken, secretRecord, testTime, tokenRecord } from "../../test/kit/token.js";
import type { ServiceCaller } from "../callers/caller.js";
import type { Resolution } from "../check/token-resolver.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import type { OpenFgaAnswer, Question } from "../domain/permission-checker.js";
import { noPolicy, type Policy } from "../domain/policy.js";
import { unmentionedSubject } from "../domain/subject-state.js";
import type { Grant, SecretRecord, TokenRecord } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { type ExchangedClaims, ExchangeRefused, type ExchangeRequest, exchangeToken } from "./exchange-token.js";

const api = "https://api.example.com";
const acme = "organization:acme" as SubjectName;
const caller: ServiceCaller = { kind: "service", name: "edge", permissions: new Set(["tokens.exchange"]) };
const later = (ms: number): Date => new Date(testTime.getTime() + ms);
/** The second of the request, of which a tenth has passed. */
const second = Math.floor(testTime.getTime() / 1000);
const grant = {
  kind: "rules",
  rules: [{ actions: ["viewer", "editor"], resources: ["document:*"] }],
} as unknown as Grant; // well formed

interface Scene {
  readonly token?: Partial<TokenRecord>;
  readonly secret?: Partial<SecretRecord>;
  readonly policy?: Partial<Policy>;
  /** The token as read under the lock, where it differs from what was read before. */
  readonly locked?: Partial<TokenRecord>;
  readonly resolution?: Resolution;
  readonly member?: OpenFgaAnswer;
  readonly request?: Partial<ExchangeRequest>;
  readonly caller?: Partial<ServiceCaller>;
}

/** One exchange, and all that it did. */
async function exchange(scene: Scene = {}) {
  const facts = { claims: {}, metadata: { note: "mine" }, grant, ...scene.token };
  const secret = secretRecord(scene.secret);
  const policy = { ...noPolicy, ...scene.policy };
  const subjects = { subject: unmentionedSubject, organization: facts.organization && unmentionedSubject };
  const known = resolvedToken(facts, { secret, policy, subjects });
  const token = { ...tokenRecord(facts), ...scene.locked, id: known.id, secrets: [secret] };
  const snapshot: TokenSnapshot = { token, subjects, policy, policies: [], lastUses: new Map() };
  const did: string[] = [];
  const asked: Question[] = [];
  let claims: ExchangedClaims | undefined;
  let recorded: Date | undefined;
  const answer = await exchangeToken(
    {
      tokens: { resolve: () => scene.resolution ?? { kind: "known", token: known } },
      store: {
        async handOut(_id, decide) {
          const handedOut = decide(snapshot);
          did.push("recorded");
          recorded = handedOut.expireTime;
          return handedOut;
        },
      },
      permissions: {
        async check(questions, consistency) {
          did.push(consistency);
          asked.push(...questions);
          return questions.map(() => scene.member ?? true);
        },
      },
      memberRelation: "member" as ActionName,
      clock: { now: () => testTime },
      issuer: "https://patwarden.example.com",
      audiences: [api, "shop"],
      lifetimeMs: 60_000,
      async sign(said) {
        did.push("signed");
        claims = said;
        return "a JWT";
      },
      onUse: () => did.push("used"),
      onSuperseded: () => did.push("superseded"),
    },
    { ...caller, ...scene.caller },
    { secret: "a secret", targets: [api], scope: undefined, ...scene.request },
  ).catch((error: unknown) => error);
  return { answer, claims, recorded, did, asked, id: known.id };
}

const invalidToken = new ExchangeRefused("invalid_request", "the subject token is not valid");

describe("exchanging a token", () => {
  it("shows what the token is and may do, and nothing of its holder's notes", async () => {
    const { answer, claims, recorded, did, id } = await exchange({ token: { claims: { plan: "gold" } } });
    expect(claims).toEqual({
      iss: "https://patwarden.example.com",
      sub: "user:alice",
      aud: api,
      client_id: "edge",
      iat: second,
      exp: second + 60,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      scope: "viewer:document editor:document",
      token_id: id,
      claims: { plan: "gold" },
    });
    expect(answer).toEqual({ jwt: "a JWT", scope: "viewer:document editor:document", expiresIn: 60 });
    expect(recorded).toEqual(new Date((second + 60) * 1000));
    expect(did).toEqual(["recorded", "signed", "used"]);
  });

  it("never gives two JWTs one name", async () => {
    const [one, other] = await Promise.all([exchange(), exchange()]);
    expect(one.claims?.jti).not.toBe(other.claims?.jti);
  });

  it("asks OpenFGA, past every cache, whether the user of a bound token is a member", async () => {
    const { claims, did, asked } = await exchange({ token: { organization: acme } });
    expect(claims).toMatchObject({ sub: "user:alice", organization: acme });
    expect(did).toEqual(["higher", "recorded", "signed", "used"]);
    expect(asked).toEqual([{ subject: "user:alice", action: "member", resource: acme }]);
  });

  it("asks nothing about an organization's own token", async () => {
    const { claims, asked } = await exchange({ token: { kind: "oat", subject: acme } });
    expect(claims).toMatchObject({ sub: acme, organization: acme });
    expect(asked).toEqual([]);
  });

  it.each<[string, Scene, number | undefined]>([
    ["what is configured", {}, 60],
    ["the token, that ends earlier", { token: { expireTime: later(30_000) } }, 30],
    ["the token, that ends within a second", { token: { expireTime: later(30_876) } }, 30],
    ["the token, that ends with a second", { token: { expireTime: later(30_877) } }, 31],
    ["the old secret, that retires earlier", { secret: { retireTime: later(10_000) } }, 10],
    [
      "what is configured, with ends after it",
      { token: { expireTime: later(61_000) }, secret: { retireTime: later(61_000) } },
      60,
    ],
    ["nothing, when the token ends in this second", { token: { expireTime: later(876) } }, undefined],
  ])("O5 lasts no longer than %s", async (_, scene, lifetime) => {
    const { answer, claims, recorded } = await exchange(scene);
    expect(claims?.exp).toBe(lifetime && second + lifetime);
    expect(recorded?.getTime()).toBe(lifetime && (second + lifetime) * 1000);
    expect(answer).toEqual(lifetime ? expect.objectContaining({ expiresIn: lifetime }) : invalidToken);
  });

  const revocation = { by: "user:alice", reason: "REQUESTED" as const, time: testTime };
  it.each<[string, Scene]>([
    ["text that is no secret", { resolution: { kind: "malformed" } }],
    ["a secret that nobody knows", { resolution: { kind: "unknown" } }],
    ["a revoked token", { token: { revocation } }],
    ["a token that was revoked since it was looked up", { locked: { revocation } }],
    ["an expired token", { token: { expireTime: testTime } }],
    ["a token that is not valid yet", { token: { notBefore: later(1) } }],
    ["a pending token", { token: { approval: { state: "pending" } } }],
    ["a token that must not be used from everywhere", { token: { allowedCidrs: ["0.0.0.0/0"] } }],
    ["a token that was narrowed to a network since", { locked: { allowedCidrs: ["192.0.2.0/24"] } }],
    ["a token whose policy knows networks", { policy: { allowedCidrs: ["192.0.2.0/24"] } }],
    ["a token that its policy blocks", { policy: { requireExpiry: true } }],
    [
      "a token that its policy blocks since it was changed",
      { policy: { forbidFull: true }, locked: { grant: { kind: "full" } } },
    ],
  ])("refuses %s with the same error, and records nothing", async (_, scene) => {
    const { answer, did } = await exchange(scene);
    expect(answer).toEqual(invalidToken);
    expect(did).toEqual([]);
  });

  it("refuses a superseded secret, and reports its use", async () => {
    const { answer, did } = await exchange({ secret: { retireTime: testTime } });
    expect(answer).toEqual(invalidToken);
    expect(did).toEqual(["superseded"]);
  });

  it("refuses a user who is no member", async () => {
    const { answer, did } = await exchange({ token: { organization: acme }, member: false });
    expect(answer).toEqual(invalidToken);
    expect(did).toEqual(["higher"]);
  });

  it("throws the failure when nothing can be decided", async () => {
    const openfga = new Failure("OPENFGA_UNAVAILABLE");
    expect((await exchange({ token: { organization: acme }, member: openfga })).answer).toBe(openfga);
    const database = new Failure("DATABASE_UNAVAILABLE");
    expect((await exchange({ resolution: { kind: "failed", failure: database } })).answer).toBe(database);
  });

  it.each<[string, readonly string[], Partial<ServiceCaller>, ExchangeRefused["error"] | undefined]>([
    ["one of all", ["shop"], {}, undefined],
    ["one of the caller's", ["shop"], { exchangeAudiences: ["shop"] }, undefined],
    ["none", [], {}, "invalid_request"],
    ["two", [api, "shop"], {}, "invalid_target"],
    ["the same twice", [api, api], {}, "invalid_target"],
    ["another", ["https://elsewhere.example"], {}, "invalid_target"],
    ["not quite the same", [`${api}/`], {}, "invalid_target"],
    ["none of the caller's", [api], { exchangeAudiences: ["shop"] }, "invalid_target"],
    ["the caller's, that is not configured any more", ["gone"], { exchangeAudiences: ["gone"] }, "invalid_target"],
  ])("O5 is for one audience: %s", async (_, targets, over, error) => {
    const { answer, claims, did } = await exchange({ request: { targets }, caller: over });
    if (error) expect([(answer as ExchangeRefused).error, did]).toEqual([error, []]);
    else expect(claims?.aud).toBe(targets[0]);
  });

  it.each<[string, Scene, string | undefined]>([
    ["less than the grant", { request: { scope: "editor:document:a" } }, "editor:document:a"],
    ["more than the grant", { request: { scope: "owner:document" } }, undefined],
    ["nothing that could be meant", { request: { scope: "documents" } }, undefined],
    [
      "what the grant was before it was narrowed",
      { request: { scope: "editor:document" }, locked: { grant: { kind: "rules", rules: [] } } },
      undefined,
    ],
    ["nothing of a token that may nothing", { token: { grant: { kind: "rules", rules: [] } } }, ""],
    [
      "what the policy leaves of everything",
      { token: { grant: { kind: "full" } }, policy: { allowedActions: ["viewer" as ActionName] } },
      "viewer:*",
    ],
    [
      "what the policy leaves of the grant",
      { policy: { allowedActions: ["viewer" as ActionName] } },
      "viewer:document",
    ],
    [
      "what the policy does not leave",
      { policy: { allowedActions: ["viewer" as ActionName] }, request: { scope: "editor:document" } },
      undefined,
    ],
  ])("O5 has a scope of %s", async (_, scene, scope) => {
    const { answer, claims, did } = await exchange(scene);
    if (scope !== undefined) expect([claims?.scope, answer]).toEqual([scope, expect.objectContaining({ scope })]);
    else expect([(answer as ExchangeRefused).error, did]).toEqual(["invalid_scope", []]);
  });
});
