import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Authorization } from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey } from "../kit/server.js";

const max = { max_per_second: 1 };
const integrations = {
  routes: [{ path: "/docs/{id}", resource: "document:{id}", action: "viewer" }],
  forward_auth: { enabled: true, ...max },
  ext_authz: { enabled: true, ...max },
  authzen: { enabled: true, identifier: "https://pdp.example.com", ...max },
  oauth: { enabled: true, issuer: "https://patwarden.example.com", ...max },
};
const names = ["forward-auth", "nginx", "authzen", "oauth-introspect", "oauth-revoke", "ext-authz"] as const;
type Integration = (typeof names)[number];
/** Two callers for each integration, since some integrations share one limit. */
const keys = new Map(
  names.flatMap((integration) => [integration, `${integration}-calm`]).map((name) => [name, newKey()]),
);

let patwarden: Patwarden;
beforeAll(async () => {
  patwarden = await startPatwarden({
    callers: [...keys].map(([name, key]) => ({
      name,
      key_sha256: [hashOf(key)],
      permissions: ["check", "introspect", "tokens.revoke"],
    })),
    config: { integrations },
  });
});
afterAll(() => patwarden.stop());

/** An answer, in the format of the integration. */
type Answer = Readonly<Record<string, unknown>>;

const overHttp = async (...sent: Parameters<typeof sendRaw>): Promise<Answer> => {
  const { status, headers, body } = await sendRaw(...sent);
  return { status, body, "retry-after": headers["retry-after"] };
};

const proxied = (integration: string, told: readonly [string, string][]) => (caller: string) =>
  overHttp(patwarden.server.http, {
    target: integration === "nginx" ? "/nginx-auth" : "/forward-auth",
    headers: [
      ["X-Patwarden-Proxy-Key", keys.get(caller) ?? ""],
      ["Authorization", `Bearer ${patwarden.alice.secret}`],
      ...told,
    ],
  });

const posted = (target: string, type: string, body: () => string) => (caller: string) =>
  overHttp(patwarden.server.http, {
    method: "POST",
    target,
    headers: [
      ["Authorization", `Bearer ${keys.get(caller) ?? ""}`],
      ["Content-Type", type],
    ],
    body: body(),
  });

const form = "application/x-www-form-urlencoded";
const slower = { status: 429, "retry-after": "1" };
const description = "too many requests; ask again later";
const inOAuth = {
  ...slower,
  body: JSON.stringify({ error: "temporarily_unavailable", error_description: description }),
};

interface Case {
  /** As in the metric. */
  readonly integration: Integration;
  readonly ask: (caller: string) => Promise<Answer>;
  readonly limited: Answer;
}

const cases: readonly Case[] = [
  {
    integration: "forward-auth",
    ask: proxied("forward-auth", [
      ["X-Forwarded-Method", "GET"],
      ["X-Forwarded-Proto", "http"],
      ["X-Forwarded-Host", "app.test"],
      ["X-Forwarded-Uri", "/docs/roadmap"],
    ]),
    limited: { ...slower, body: "too many requests" },
  },
  {
    integration: "nginx",
    ask: proxied("nginx", [
      ["X-Original-Method", "GET"],
      ["X-Original-Host", "app.test"],
      ["X-Original-URI", "/docs/roadmap"],
    ]),
    // nginx would make a 500 of a 429.
    limited: { ...slower, status: 503, body: "too many requests" },
  },
  {
    integration: "authzen",
    ask: posted("/access/v1/evaluation", "application/json", () =>
      JSON.stringify({
        subject: { type: "access_token", id: patwarden.alice.secret },
        action: { name: "viewer" },
        resource: { type: "document", id: "roadmap" },
      }),
    ),
    limited: { ...slower, body: "too many requests" },
  },
  {
    integration: "oauth-introspect",
    ask: posted("/oauth2/introspect", form, () => `token=${patwarden.alice.secret}`),
    limited: inOAuth,
  },
  { integration: "oauth-revoke", ask: posted("/oauth2/revoke", form, () => "token=garbage"), limited: inOAuth },
  {
    integration: "ext-authz",
    async ask(caller) {
      const http = { method: "GET", host: "app.test", path: "/docs/roadmap" };
      const headers = { authorization: `Bearer ${patwarden.alice.secret}` };
      const { port } = patwarden;
      const request = { attributes: { request: { http: { ...http, headers } } } };
      const reply = await port.call(Authorization.method.check, request, { key: keys.get(caller) ?? "" });
      if (!reply?.ok) throw new Error(JSON.stringify(reply));
      const { status, httpResponse } = reply.value;
      if (httpResponse.case !== "deniedResponse") return { code: status?.code };
      const [header] = httpResponse.value.headers.map(({ header }) => [header?.key, header?.value]);
      return { code: status?.code, status: httpResponse.value.status?.code, header };
    },
    // A denial and not an error, which `failure_mode_allow` would allow.
    limited: { code: 7, status: 429, header: ["retry-after", "1"] },
  },
];

describe.each(cases)("the integration $integration", ({ integration, ask, limited }) => {
  it("refuses calls of one caller beyond its limit, and no other caller", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(integration)));
    const refused = answers.filter((answer) => isDeepStrictEqual(answer, limited));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(answers.length);
    expect(await ask(`${integration}-calm`)).not.toEqual(limited);
    expect(await patwarden.metrics()).toMatch(new RegExp(`integration="${integration}",answer="limited"\\} [1-9]`));
  });
});
