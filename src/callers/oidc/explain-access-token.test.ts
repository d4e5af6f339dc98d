import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestIssuer, type TestIssuer } from "../../../test/kit/issuer.js";
import type { TokenRefusal } from "./access-token.js";
import { decodeAccessToken, explainRefusal } from "./explain-access-token.js";
import { createOidcVerifier } from "./oidc.js";

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startTestIssuer();
});
afterAll(() => issuer.stop());

const now = () => Math.floor(Date.now() / 1000);

it.each<readonly [TokenRefusal, () => Record<string, unknown>, Record<string, unknown>, () => string]>([
  ["unknown_issuer", () => ({ iss: "https://x/" }), {}, () => `iss: got "https://x/", expected "${issuer.url}"`],
  ["other_audience", () => ({ aud: ["a", "b"] }), {}, () => `audience: got ["a","b"], expected "${issuer.audience}"`],
  ["expired", () => ({ exp: now() - 600, iat: now() - 900 }), {}, () => "exp: got 20"],
  ["not_yet_valid", () => ({ iat: now() + 600, exp: now() + 900 }), {}, () => "iat 20"],
  ["lives_too_long", () => ({ exp: now() + 400 * 86_400 }), {}, () => "max_lifetime is "],
  ["type_not_allowed", () => ({}), { typ: "id+jwt" }, () => 'typ: got "id+jwt", expected '],
  ["of_a_machine", () => ({ gty: "client-credentials" }), {}, () => 'gty: got "client-credentials"'],
  ["claims_missing", () => ({ sub: undefined }), {}, () => "exp, iat, sub: got "],
  ["client_not_allowed", () => ({ azp: "shop" }), {}, () => 'client: got ["cli","shop"], expected "cli"'],
  ["scope_missing", () => ({ azp: "cli", scope: "openid" }), {}, () => 'scope: got "openid", expected "tokens"'],
])("explains %s: what the token has and what is expected", async (reason, claims, header, words) => {
  const restricted = reason === "client_not_allowed" || reason === "scope_missing";
  const config = issuer.config(restricted ? { clients: ["cli"], requiredScopes: ["tokens"] } : {});
  const token = await issuer.sign(claims(), header);
  const refusals: TokenRefusal[] = [];
  await createOidcVerifier([config], { onRefusal: (found) => refusals.push(found) }).verify(token);
  expect(refusals).toEqual([reason]);
  const jwt = decodeAccessToken(token);
  expect(jwt && explainRefusal(reason, jwt, [config], new Date())).toContain(words());
});

it("returns undefined for text that is not a JWT", () => {
  expect(["", "a.b.c", "pw_pat_x"].map(decodeAccessToken)).toEqual([undefined, undefined, undefined]);
});
