import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { sendRaw, untilDecided } from "../kit/raw-http.js";

const integrations = ["forward-auth", "nginx"] as const;
type Integration = (typeof integrations)[number];

const routes = [
  { host: "app.test", method: "GET", path: "/docs/{id}", resource: "document:{id}", action: "viewer" },
  { method: "PUT", path: "/docs/{id}", resource: "document:{id}", action: "editor" },
  { path: "/wrong/{id}", resource: "nowhere:{id}", action: "viewer" },
];

/** Describes a request as the proxy of each integration does. */
function told(
  integration: Integration,
  { method = "GET", host = "app.test", target = "/docs/roadmap" } = {},
): [string, string][] {
  return integration === "nginx"
    ? [
        ["X-Original-Method", method],
        ["X-Original-Host", host],
        ["X-Original-URI", target],
      ]
    : [
        ["X-Forwarded-Method", method],
        ["X-Forwarded-Proto", "http"],
        ["X-Forwarded-Host", host],
        ["X-Forwarded-Uri", target],
      ];
}

describe("the integrations of proxies", () => {
  let patwarden: Patwarden;
  let narrow: IssuedToken;
  let acme: IssuedToken;
  beforeAll(async () => {
    patwarden = await startPatwarden({
      config: { integrations: { routes, forward_auth: { enabled: true, basic: true } } },
    });
    narrow = await patwarden.createToken({
      subject: "user:alice",
      name: "on one network",
      grant: { full: true },
      allowedCidrs: ["192.0.2.0/24"],
    });
    acme = await patwarden.createToken({ subject: "organization:acme", name: "shop", grant: { full: true } });
  });
  afterAll(() => patwarden.stop());

  const askOnce = (
    integration: Integration,
    headers: readonly [string, string][],
    server = patwarden.server,
    method = "GET",
  ) =>
    sendRaw(server.http, {
      method,
      target: `${integration === "nginx" ? "/nginx-auth" : "/forward-auth"}?token=ignored`,
      headers,
    });
  const ask: typeof askOnce = (...asked) =>
    untilDecided(
      () => askOnce(...asked),
      ({ status }) => status,
    );
  const key = (): [string, string] => ["X-Patwarden-Proxy-Key", patwarden.server.keys.checker];
  const bearer = (text = patwarden.alice.secret): [string, string] => ["Authorization", `Bearer ${text}`];
  const realm = 'Bearer realm="patwarden"';

  describe.each(integrations)("/%s", (integration) => {
    it("P1 lets a permitted request pass, and overwrites all identity headers", async () => {
      const forged: [string, string] = ["X-Patwarden-Subject", "user:root"];
      const reply = await ask(integration, [key(), bearer(), forged, ...told(integration)]);
      expect(reply).toMatchObject({
        status: 200,
        body: "",
        headers: {
          "x-patwarden-subject": "user:alice",
          "x-patwarden-token-id": patwarden.alice.token.id,
          "x-patwarden-organization": "",
          "cache-control": "no-store",
        },
      });
      const own = await ask(integration, [
        key(),
        bearer(acme.secret),
        ...told(integration, { target: "/docs/price-list" }),
      ]);
      expect(own.headers).toMatchObject({
        "x-patwarden-subject": "organization:acme",
        "x-patwarden-organization": "organization:acme",
      });
    });

    it("B5 decides by the headers that count, with 17 KiB of cookies beside them", async () => {
      const cookies = ["a", "b", "c"].map((name): [string, string] => ["Cookie", `${name}=${"x".repeat(5_800)}`]);
      const reply = await ask(integration, [key(), bearer(), ...cookies, ...told(integration)]);
      expect([reply.status, reply.headers["x-patwarden-subject"]]).toEqual([200, "user:alice"]);
    });

    it.each<[string, () => [string, string]]>([
      ["X-API-Key", () => ["X-API-Key", patwarden.alice.secret]],
      [
        "the password of Basic",
        () => ["Authorization", `Basic ${Buffer.from(`x:${patwarden.alice.secret}`).toString("base64")}`],
      ],
    ])("takes the token as %s", async (_, credential) => {
      expect((await ask(integration, [key(), credential(), ...told(integration)])).status).toBe(200);
    });

    it("P1 refuses: 401 bare, 401 with a code, 403", async () => {
      const bare = await ask(integration, [key(), ...told(integration)]);
      expect([bare.status, bare.headers["www-authenticate"]]).toEqual([401, realm]);
      for (const text of ["garbage", patwarden.alice.secret.slice(0, -1), `${patwarden.alice.secret}x`]) {
        const invalid = await ask(integration, [key(), bearer(text), ...told(integration)]);
        expect([invalid.status, invalid.headers["www-authenticate"]]).toEqual([401, `${realm}, error="invalid_token"`]);
      }
      const forbidden = await ask(integration, [key(), bearer(), ...told(integration, { target: "/docs/payroll" })]);
      expect([forbidden.status, forbidden.headers["www-authenticate"]]).toEqual([
        403,
        `${realm}, error="insufficient_scope"`,
      ]);
      for (const { headers } of [bare, forbidden]) expect(headers).not.toHaveProperty("x-patwarden-subject");
    });

    it("refuses requests without a route, and requests that can be read in two ways", async () => {
      const refused = [
        { target: "/elsewhere" },
        { target: "/docs/../docs/roadmap" },
        { target: "/docs/%72oadmap%2f" },
        { target: "//docs/roadmap" },
        { target: "http://app.test/docs/roadmap" },
        { host: "other.test" },
        { method: "get" },
        { method: "DELETE" },
      ];
      for (const over of refused) {
        const reply = await ask(integration, [key(), bearer(), ...told(integration, over)]);
        expect([reply.status, reply.headers["www-authenticate"]], JSON.stringify(over)).toEqual([403, undefined]);
      }
    });

    it("P4 refuses a request with a missing or repeated part", async () => {
      for (const [index, header] of told(integration).entries()) {
        const without = told(integration).toSpliced(index, 1);
        expect((await ask(integration, [key(), bearer(), ...without])).status, header[0]).toBe(403);
        expect((await ask(integration, [key(), bearer(), ...told(integration), header])).status, header[0]).toBe(403);
      }
    });

    it("P5 refuses two credentials", async () => {
      const status = integration === "nginx" ? 401 : 400;
      for (const second of [bearer(), ["X-API-Key", patwarden.alice.secret]] satisfies [string, string][]) {
        const reply = await ask(integration, [key(), bearer(), second, ...told(integration)]);
        expect([reply.status, reply.headers["www-authenticate"]]).toEqual([
          status,
          `${realm}, error="invalid_request"`,
        ]);
      }
    });

    it("P4 decides nothing for a proxy that is not known, and says 500", async () => {
      const strangers: [string, string][][] = [
        [],
        [["X-Patwarden-Proxy-Key", "pw_svc_unknown"]],
        [["X-Patwarden-Proxy-Key", patwarden.alice.secret]],
        [key(), key()],
      ];
      for (const stranger of strangers) {
        const reply = await ask(integration, [...stranger, bearer(), ...told(integration)]);
        expect(reply.status).toBe(500);
        expect(reply.headers).not.toHaveProperty("x-patwarden-subject");
      }
      await expect
        .poll(patwarden.server.log, { timeout: 10_000 })
        .toContain("a proxy asked without a valid service key");
    });

    it("P5 ignores its own method and query", async () => {
      for (const method of ["POST", "PUT", "HEAD"])
        expect((await ask(integration, [key(), bearer(), ...told(integration)], patwarden.server, method)).status).toBe(
          200,
        );
    });

    it("knows the bearer's address when exactly one proxy names it", async () => {
      const from = (address: string) =>
        ask(integration, [key(), bearer(narrow.secret), ["X-Forwarded-For", address], ...told(integration)]);
      expect((await from("192.0.2.7")).status).toBe(200);
      expect((await from("198.51.100.7")).status).toBe(401);
      expect((await from("192.0.2.7, 10.0.0.1")).status).toBe(401);
      expect((await ask(integration, [key(), bearer(narrow.secret), ...told(integration)])).status).toBe(401);
    });

    it("answers 503 when it cannot decide, as for a route with a type that is not in the model", async () => {
      const reply = await askOnce(integration, [key(), bearer(), ...told(integration, { target: "/wrong/1" })]);
      expect([reply.status, reply.headers["retry-after"]]).toEqual([503, "1"]);
    });
  });

  it("P3 answers 503, and never a yes or no, while OpenFGA is silent or gone", async () => {
    const own = await startPatwarden({ config: { integrations: { routes, forward_auth: { enabled: true } } } });
    const { openfga } = own.faults;
    const headers: [string, string][] = [
      ["X-Patwarden-Proxy-Key", own.server.keys.checker],
      bearer(own.alice.secret),
      ...told("nginx"),
    ];
    expect((await ask("nginx", headers, own.server)).status).toBe(200);
    openfga.stall();
    expect((await askOnce("nginx", headers, own.server)).status).toBe(503);
    openfga.cut();
    expect((await askOnce("nginx", headers, own.server)).status).toBe(503);
    openfga.heal();
    await expect.poll(async () => (await ask("nginx", headers, own.server)).status, { timeout: 20_000 }).toBe(200);
    await own.stop();
  }, 120_000);

  it("is disabled unless it is enabled, and so is Basic", async () => {
    const closed = await startPatwarden({ config: { integrations: { routes } } });
    const own: [string, string] = ["X-Patwarden-Proxy-Key", closed.server.keys.checker];
    expect((await ask("nginx", [own, ...told("nginx")], closed.server)).status).toBe(404);
    await closed.stop();
    const open = await startPatwarden({ config: { integrations: { routes, forward_auth: { enabled: true } } } });
    const basic = Buffer.from(`x:${open.alice.secret}`).toString("base64");
    const headers: [string, string][] = [
      ["X-Patwarden-Proxy-Key", open.server.keys.checker],
      ["Authorization", `Basic ${basic}`],
      ...told("nginx"),
    ];
    expect((await ask("nginx", headers, open.server)).status).toBe(401);
    await open.stop();
  }, 120_000);

  it("counts its answers, and tells nobody a token", async () => {
    expect(await patwarden.metrics()).toMatch(
      /patwarden_integration_answers_total\{integration="nginx",answer="allow"\} [1-9]/,
    );
    expect(patwarden.server.log()).not.toContain(patwarden.alice.secret.slice(10, 30));
  });
});
