import { describe, expect, it } from "vitest";
import {
  caller,
  changed,
  configOf,
  describeSettings,
  issuer,
  minimal,
  problemsOf,
} from "../../test/kit/config-file.js";

describeSettings(
  ["integrations"],
  [
    [
      "integrations.routes",
      [
        { path: "/docs/{id}", resource: "document:{id}", action: "viewer" },
        {
          host: "API.example.com",
          method: "PUT",
          path: "/docs/{id}/**",
          resource: "document:{id}",
          action: "editor",
          semicolons: true,
          preflights: true,
        },
      ],
      {
        integrations: {
          routes: [
            { path: "/docs/{id}", resource: "document:{id}", action: "viewer", semicolons: false, preflights: false },
            { host: "api.example.com", method: "PUT", path: "/docs/{id}/**", semicolons: true, preflights: true },
          ],
        },
      },
    ],
    [
      "integrations.ext_authz",
      { enabled: true, basic: true, trusted_proxies: ["10.0.0.0/8"], max_per_second: 100 },
      {
        integrations: {
          extAuthz: { basic: true, trustedProxies: ["10.0.0.0/8"], limit: { burst: 100, intervalMs: 10 } },
        },
      },
    ],
    [
      "integrations.forward_auth",
      { enabled: true, basic: true, trusted_proxies: ["10.0.0.0/8"], max_per_second: 200 },
      {
        integrations: {
          forwardAuth: { basic: true, trustedProxies: ["10.0.0.0/8"], limit: { burst: 200, intervalMs: 5 } },
        },
      },
    ],
    [
      "integrations.oauth",
      {
        enabled: true,
        issuer: "https://patwarden.example.com",
        max_cache: "30s",
        public_revocation: true,
        public_revocations_per_minute: 6,
        max_per_second: 1,
      },
      {
        integrations: {
          oauth: {
            issuer: "https://patwarden.example.com",
            maxCacheMs: 30_000,
            publicRevocation: { burst: 6, intervalMs: 10_000 },
            limit: { burst: 1, intervalMs: 1_000 },
          },
        },
      },
    ],
    [
      "integrations.oauth",
      {
        enabled: true,
        issuer: "https://patwarden.example.com",
        exchange: { audiences: ["https://api.example.com", "shop"], lifetime: "5m", algorithm: "RS256" },
      },
      {
        integrations: {
          oauth: {
            exchange: { audiences: ["https://api.example.com", "shop"], lifetimeMs: 300_000, algorithm: "RS256" },
          },
        },
      },
    ],
    [
      "integrations.authzen",
      { enabled: true, identifier: "https://pdp.example.com", max_per_second: 10 },
      { integrations: { authZen: { identifier: "https://pdp.example.com", limit: { burst: 10, intervalMs: 100 } } } },
    ],
    [
      "integrations.leaks",
      {
        report: true,
        github: { enabled: true, token: "t", keys_url: "https://github.example.com/keys" },
        gitlab: { enabled: true, keys_url: "http://127.0.0.1:8080/keys" },
        notify_only: ["organization:acme"],
        webhook: { url: "https://example.com/hook", key: "k".repeat(32) },
      },
      {
        integrations: {
          leaks: {
            report: true,
            providers: {
              github: { keysUrl: "https://github.example.com/keys", token: "t" },
              gitlab: { keysUrl: "http://127.0.0.1:8080/keys" },
            },
            notifyOnly: ["organization:acme"],
            webhook: { url: "https://example.com/hook", key: "k".repeat(32) },
          },
        },
      },
    ],
  ],
  [],
);

describe("integrations", () => {
  it("enables exchange for its audiences, of which callers may get fewer; its issuer is no issuer of users", () => {
    const url = "https://patwarden.example.com";
    const oauth = (exchange: object) => ({ oauth: { enabled: true, issuer: url, exchange } });
    const callers = (...audiences: string[]) => [{ ...caller, exchange_audiences: audiences }];
    const both = oauth({ audiences: ["a", "b"] });
    const config = configOf({ ...minimal, integrations: both, callers: callers("b") });
    expect(config.integrations.oauth?.exchange).toEqual({
      audiences: ["a", "b"],
      lifetimeMs: 60_000,
      algorithm: "ES256",
    });
    expect(config.callers[0]?.caller.exchangeAudiences).toEqual(["b"]);
    expect(configOf({ ...minimal, integrations: oauth({ audiences: [] }) }).integrations.oauth).not.toHaveProperty(
      "exchange",
    );
    expect(
      problemsOf({ ...minimal, integrations: both, callers: callers("b", "c"), issuers: [{ ...issuer, issuer: url }] }),
    ).toEqual({
      "callers[0].exchange_audiences[1]": "must be one of integrations.oauth.exchange.audiences",
      "issuers[0].issuer":
        "must not be integrations.oauth.issuer: JWTs made from Patwarden tokens cannot manage tokens",
    });
    const faulty = { audiences: ["a b", ...Array(20).fill("a")], lifetime: "301s", algorithm: "HS256" };
    expect(problemsOf({ ...minimal, integrations: oauth(faulty), callers: callers() })).toMatchObject({
      "integrations.oauth.exchange.audiences": "must have 0 to 20 entries",
      "integrations.oauth.exchange.audiences[0]": "must be 1 to 255 visible ASCII characters",
      "integrations.oauth.exchange.lifetime": expect.stringContaining("1s to 5m"),
      "integrations.oauth.exchange.algorithm": expect.stringContaining("ES256"),
      "callers[0].exchange_audiences": "must have 1 to 20 entries",
    });
  });

  it("requires the issuer of an enabled OAuth integration", () => {
    expect(problemsOf({ ...minimal, integrations: { oauth: { enabled: true } } })).toEqual({
      "integrations.oauth.issuer": "is required when the integration is enabled",
    });
  });

  it("refuses wrong settings of leaks, and says what is expected", () => {
    const leaks = {
      gitlab: { enabled: true },
      github: { keys_url: "http://keys.example.com" },
      notify_only: ["user:alice"],
      webhook: { url: "https://example.com/hook?key=1", key: "short" },
    };
    expect(problemsOf({ ...minimal, integrations: { leaks }, public_http: { trusted_proxies: ["10.0.0.1"] } })).toEqual(
      {
        "integrations.leaks.gitlab.keys_url": "is required when the integration is enabled",
        "integrations.leaks.github.keys_url": expect.stringContaining("https:"),
        "integrations.leaks.notify_only[0]": "must be an organization, organization:…",
        "integrations.leaks.webhook.url": expect.stringContaining("https:"),
        "integrations.leaks.webhook.key": "must have at least 32 characters",
        "public_http.trusted_proxies[0]": expect.stringContaining("must be a range"),
      },
    );
  });

  it("S14 converts the host of a route to one spelling", () => {
    const route = { path: "/docs/{id}", resource: "document:{id}", action: "viewer" };
    const hostsOf = (...hosts: readonly string[]) => ({
      integrations: { routes: hosts.map((host) => ({ ...route, host })) },
    });
    const { integrations } = configOf(changed(hostsOf("API.example.com.", "b\u00fccher.example", "[::0:1]")));
    expect(integrations.routes.map(({ host }) => host)).toEqual(["api.example.com", "xn--bcher-kva.example", "[::1]"]);
    const faulty = ["api.example.com:443", "api..example.com", "127.1", "*.example.com", "::1", "[::1]:80"];
    expect(Object.keys(problemsOf({ ...minimal, ...hostsOf(...faulty) }))).toEqual(
      faulty.map((_, index) => `integrations.routes[${index}].host`),
    );
  });

  it("refuses a route that could not be matched, and names its place", () => {
    const routes = [{ path: "/docs//{id}", resource: "document:{id}", action: "viewer", method: "get" }];
    expect(problemsOf({ ...minimal, integrations: { routes } })).toMatchObject({
      "integrations.routes[0].method": expect.stringContaining("upper case"),
    });
    expect(problemsOf({ ...minimal, integrations: { routes: [{ ...routes[0], method: "GET" }] } })).toMatchObject({
      "integrations.routes[0]": expect.stringContaining("must be a path"),
    });
  });

  it("limits no integration and admits no public revocation by default", () => {
    const authzen = { enabled: true, identifier: "https://pdp.example.com", max_per_second: 0 };
    const oauth = { enabled: true, issuer: "https://patwarden.example.com", public_revocations_per_minute: 6 };
    expect(configOf(changed({ integrations: { authzen, oauth, ext_authz: { enabled: true } } })).integrations).toEqual({
      routes: [],
      authZen: { identifier: "https://pdp.example.com" },
      oauth: { issuer: "https://patwarden.example.com", maxCacheMs: 60_000 },
      extAuthz: { basic: false, trustedProxies: [] },
    });
  });
});
