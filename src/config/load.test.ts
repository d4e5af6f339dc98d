import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { selfSigned } from "../../test/kit/transport.js";
import { configHash } from "./config-hash.js";
import { keyTree } from "./key-tree.js";
import { loadConfig, loadMigrationConfig } from "./load.js";
import { restartKeys } from "./restart-keys.js";

const directory = mkdtempSync(join(tmpdir(), "patwarden-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function fileOf(content: unknown): string {
  const file = join(directory, `${files++}.yaml`);
  writeFileSync(file, typeof content === "string" ? content : stringify(content));
  return file;
}

const hash = "a1".repeat(32);
const otherHash = "b2".repeat(32);
const key = Buffer.alloc(32, 7).toString("base64");
const caller = { name: "orders", key_sha256: [hash], permissions: ["check"] };
const issuer = { issuer: "https://login.example.com/", audiences: ["https://patwarden.example.com"] };
const otherIssuer = { ...issuer, issuer: "https://other.example.com" };
const collision =
  'must not be able to give two people the same subject: give each issuer its own, such as "okta-{sub}", or set shared_subjects: true for both';
const minimal = {
  database: { url: "postgres://db/patwarden" },
  openfga: {
    addresses: ["openfga:8081"],
    store_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    model_id: "01BX5ZZKBKACTAV9WEVGEMMVRZ",
  },
  tokens: { peppers: [{ version: 1, key, active: true }] },
  callers: [caller],
};

function certificateFiles() {
  const { cert, key } = selfSigned();
  return {
    cert: cert.toString().trimEnd(),
    key: key.toString().trimEnd(),
    certFile: fileOf(cert.toString()),
    keyFile: fileOf(key.toString()),
  };
}

const certificate = certificateFiles();

type Tree = { readonly [key: string]: unknown };

/** `minimal` with other values at some paths. */
function changed(changes: Tree): Tree {
  const result: Record<string, unknown> = structuredClone(minimal);
  for (const [path, value] of Object.entries(changes)) {
    const parts = path.split(".");
    const last = parts.pop() ?? "";
    const parent = parts.reduce<Record<string, unknown>>((node, part) => {
      node[part] ??= {};
      return node[part] as Record<string, unknown>; // all paths below go through mappings
    }, result);
    parent[last] = value;
  }
  return result;
}

const load = (content: unknown, env: NodeJS.ProcessEnv = {}) => loadConfig({ file: fileOf(content), env });

function configOf(content: unknown, env: NodeJS.ProcessEnv = {}) {
  const loaded = load(content, env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

function problemsOf(content: unknown, env: NodeJS.ProcessEnv = {}): Tree {
  const loaded = load(content, env);
  return loaded.ok ? {} : Object.fromEntries(loaded.problems.map(({ key, problem }) => [key, problem]));
}

/** Every key of the file that holds a single value or a list, with and without being inside a list. */
function* leavesOf(tree = keyTree, path: readonly string[] = []): Generator<string> {
  for (const [key, child] of Object.entries(tree.properties ?? {})) {
    const below = [...path, key];
    const inner = child.items ?? child;
    if (inner.properties && key !== "max_grant") yield* leavesOf(inner, below);
    else yield below.join(".");
  }
}

describe("the configuration file", () => {
  it("has a default for everything that can have one", () => {
    expect(configOf(minimal)).toEqual({
      log: { level: "info" },
      grpc: { listen: { host: "127.0.0.1", port: 9081 } },
      http: { listen: { host: "127.0.0.1", port: 9080 } },
      metrics: { listen: { host: "127.0.0.1", port: 9082 } },
      database: {
        address: {
          hosts: [{ host: "db", port: 5432 }],
          database: "patwarden",
          tls: { mode: "disable" },
          parameters: {},
        },
        maxConnections: 10,
        prepare: true,
      },
      openfga: {
        addresses: [{ host: "openfga", port: 8081 }],
        tls: false,
        storeId: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        modelId: "01BX5ZZKBKACTAV9WEVGEMMVRZ",
        timeoutMs: 800,
        maxBatch: 50,
        maxStalenessMs: 0,
        listDeadlineMs: 3_000,
        context: {},
      },
      tokens: {
        brand: "pw",
        defaultLifetimeMs: 7_776_000_000,
        peppers: [{ version: 1, key: Buffer.alloc(32, 7), active: true }],
      },
      subjects: { user: "user", organization: "organization" },
      relations: {
        member: "member",
        read: "admin",
        create: "admin",
        approve: "admin",
        revoke: "admin",
        policy: "admin",
      },
      callers: [
        {
          caller: { kind: "service", name: "orders", permissions: new Set(["check"]) },
          keySha256: [hash],
          certificates: [],
        },
      ],
      issuers: [],
      limits: {
        creations: { burst: 100, intervalMs: 36_000 },
        revocations: { burst: 20, intervalMs: 1_000 },
        lists: { burst: 10, intervalMs: 100 },
        self: { burst: 60, intervalMs: 1_000 },
      },
      tokenCache: { maxBytes: 64 * 1024 * 1024, leaseMs: 5_000 },
      usage: { flushIntervalMs: 5_000, lastUse: true },
      integrations: { routes: [] },
      audit: {},
      dangerouslyDisableCallerAuthentication: false,
      reflection: true,
      drainDelayMs: 5000,
      graceMs: 20_000,
    });
  });

  /** Key, its value in the file, and where that shows. */
  const options: readonly [key: string, value: unknown, seen: unknown][] = [
    ["log.level", "debug", { log: { level: "debug" } }],
    ["grpc.listen", "[::1]:0", { grpc: { listen: { host: "::1", port: 0 } } }],
    ["grpc.plaintext", true, {}],
    [
      "grpc.tls",
      { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
      { grpc: { tls: { cert: certificate.cert, key: certificate.key, clientCa: certificate.cert } } },
    ],
    ["http.listen", "127.0.0.1:80", { http: { listen: { host: "127.0.0.1", port: 80 } } }],
    ["http.plaintext", true, {}],
    [
      "http.tls",
      { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
      { http: { tls: { cert: certificate.cert, key: certificate.key, clientCa: certificate.cert } } },
    ],
    [
      "public_http",
      { listen: "0.0.0.0:9083", plaintext: true },
      { publicHttp: { listen: { host: "0.0.0.0", port: 9083 }, origins: [], trustedProxies: [] } },
    ],
    [
      "public_http",
      {
        tls: { cert: certificate.certFile, key: certificate.keyFile },
        origins: ["https://app.example.com", "http://localhost:3000"],
        trusted_proxies: ["10.0.0.0/8", "2001:DB8:0::/32"],
      },
      {
        publicHttp: {
          listen: { host: "127.0.0.1", port: 9083 },
          tls: { cert: certificate.cert },
          origins: ["https://app.example.com", "http://localhost:3000"],
          trustedProxies: ["10.0.0.0/8", "2001:db8::/32"],
        },
      },
    ],
    ["metrics.listen", "localhost:1", { metrics: { listen: { host: "localhost", port: 1 } } }],
    ["metrics.plaintext", true, {}],
    [
      "database.url",
      "postgresql://a:b@c/d",
      { database: { address: { hosts: [{ host: "c" }], user: "a", password: "b", database: "d" } } },
    ],
    ["database.max_connections", 3, { database: { maxConnections: 3 } }],
    [
      "database.listen_url",
      "postgres://direct/p",
      { database: { listenAddress: { hosts: [{ host: "direct" }], database: "p" } } },
    ],
    ["database.prepare", false, { database: { prepare: false } }],
    ["openfga.addresses", ["[::2]:1", "[::1]:2"], { openfga: { addresses: [{ host: "::2" }, { host: "::1" }] } }],
    ["openfga.tls", true, { openfga: { tls: true } }],
    ["openfga.auth.preshared", "k", { openfga: { auth: { preshared: "k" } } }],
    ["openfga.store_id", "01BX5ZZKBKACTAV9WEVGEMMVRZ", { openfga: { storeId: "01BX5ZZKBKACTAV9WEVGEMMVRZ" } }],
    ["openfga.model_id", "01ARZ3NDEKTSV4RRFFQ69G5FAV", { openfga: { modelId: "01ARZ3NDEKTSV4RRFFQ69G5FAV" } }],
    ["openfga.timeout", "2s", { openfga: { timeoutMs: 2000 } }],
    ["openfga.max_batch", 100, { openfga: { maxBatch: 100 } }],
    ["openfga.max_staleness", "5s", { openfga: { maxStalenessMs: 5_000 } }],
    ["openfga.list_deadline", "1s", { openfga: { listDeadlineMs: 1_000 } }],
    [
      "openfga.context",
      { current_time: "now", client_ip: "client_ip" },
      { openfga: { context: { client_ip: "client_ip", current_time: "now" } } },
    ],
    ["tokens.brand", "acme", { tokens: { brand: "acme" } }],
    ["tokens.default_lifetime", "10y", { tokens: { defaultLifetimeMs: 315_576_000_000 } }],
    [
      "tokens.peppers",
      [
        { version: 1, key },
        { version: 2, key: Buffer.alloc(40).toString("base64"), active: true },
      ],
      {
        tokens: {
          peppers: [
            { version: 1, active: false },
            { version: 2, key: Buffer.alloc(40), active: true },
          ],
        },
      },
    ],
    ["subjects.user_type", "person", { subjects: { user: "person" } }],
    ["subjects.organization_type", "tenant", { subjects: { organization: "tenant" } }],
    ["subjects.member_relation", "employee", { relations: { member: "employee" } }],
    ["subjects.relations.read", "auditor", { relations: { read: "auditor", create: "admin" } }],
    ["subjects.relations.create", "minter", { relations: { create: "minter" } }],
    ["subjects.relations.approve", "approver", { relations: { approve: "approver" } }],
    ["subjects.relations.revoke", "warden", { relations: { revoke: "warden" } }],
    ["subjects.relations.policy", "owner", { relations: { policy: "owner" } }],
    [
      "callers",
      [
        {
          name: "shop",
          key_sha256: [hash, otherHash],
          permissions: ["tokens.read", "tokens.impersonate"],
          subjects: ["user:*", "organization:acme"],
          max_lifetime: "1d",
          max_grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
          max_cache: "10s",
        },
      ],
      {
        callers: [
          {
            caller: {
              name: "shop",
              permissions: new Set(["tokens.read", "tokens.impersonate"]),
              subjects: ["user:", "organization:acme"],
              maxLifetimeMs: 86_400_000,
              maxGrant: { kind: "rules", rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
              maxCacheMs: 10_000,
            },
            keySha256: [hash, otherHash],
          },
        ],
      },
    ],
    [
      "issuers",
      [
        { ...issuer, shared_subjects: true },
        {
          issuer: "http://127.0.0.1:8080/realms/acme",
          audiences: ["a", "b"],
          subject: "acme|{oid}",
          algorithms: ["ES256", "EdDSA"],
          required_scopes: ["patwarden"],
          clients: ["cli"],
          types: ["JWT", "application/at+JWT"],
          admin: { claim: "https://example.com/roles", value: "patwarden-admin" },
          shared_subjects: true,
          max_lifetime: "1h",
          cache_max_age: "1m",
        },
        { ...issuer, issuer: "https://login.example.com", shared_subjects: true, subject: "other|{sub}" },
      ],
      {
        issuers: [
          {
            ...issuer,
            subject: "{sub}",
            algorithms: ["RS256"],
            requiredScopes: [],
            clients: [],
            types: ["at+jwt"],
            maxLifetimeMs: 86_400_000,
            cacheMaxAgeMs: 600_000,
          },
          {
            issuer: "http://127.0.0.1:8080/realms/acme",
            audiences: ["a", "b"],
            subject: "acme|{oid}",
            algorithms: ["ES256", "EdDSA"],
            requiredScopes: ["patwarden"],
            clients: ["cli"],
            types: ["jwt", "at+jwt"],
            admin: { claim: "https://example.com/roles", value: "patwarden-admin" },
            maxLifetimeMs: 3_600_000,
            cacheMaxAgeMs: 60_000,
          },
          { issuer: "https://login.example.com" },
        ],
      },
    ],
    ["limits.creations_per_hour", 3600, { limits: { creations: { burst: 3600, intervalMs: 1_000 } } }],
    ["limits.revocations_per_minute", 6, { limits: { revocations: { burst: 20, intervalMs: 10_000 } } }],
    ["limits.revocations_burst", 1, { limits: { revocations: { burst: 1, intervalMs: 1_000 } } }],
    ["limits.lists_per_second", 1, { limits: { lists: { burst: 1, intervalMs: 1_000 } } }],
    ["limits.self_per_minute", 1, { limits: { self: { burst: 1, intervalMs: 60_000 } } }],
    ["token_cache.max_bytes", "1GiB", { tokenCache: { maxBytes: 1_073_741_824 } }],
    ["token_cache.lease", "0s", { tokenCache: { leaseMs: 0 } }],
    ["usage.flush_interval", "1s", { usage: { flushIntervalMs: 1_000 } }],
    ["usage.last_use", false, { usage: { lastUse: false } }],
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
    ["integrations.ext_authz", { enabled: true }, { integrations: { extAuthz: { basic: false, trustedProxies: [] } } }],
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
      { enabled: true, identifier: "https://pdp.example.com" },
      { integrations: { authZen: { identifier: "https://pdp.example.com" } } },
    ],
    [
      "integrations.leaks",
      {
        report: true,
        github: { enabled: true, token: "t" },
        gitlab: { enabled: true, keys_url: "http://127.0.0.1:8080/keys" },
        notify_only: ["organization:acme"],
        webhook: { url: "https://example.com/hook", key: "k".repeat(32) },
      },
      {
        integrations: {
          leaks: {
            report: true,
            providers: {
              github: { keysUrl: "https://api.github.com/meta/public_keys/secret_scanning", token: "t" },
              gitlab: { keysUrl: "http://127.0.0.1:8080/keys" },
            },
            notifyOnly: ["organization:acme"],
            webhook: { url: "https://example.com/hook", key: "k".repeat(32) },
          },
        },
      },
    ],
    ["audit.retention", "400d", { audit: { retentionMs: 34_560_000_000 } }],
    ["dangerously_disable_caller_authentication", true, { dangerouslyDisableCallerAuthentication: true }],
    ["reflection", false, { reflection: false }],
    ["drain_delay", "0s", { drainDelayMs: 0 }],
    ["grace", "1m", { graceMs: 60_000 }],
  ];

  it.each(options)("takes %s", (path, value, seen) => {
    expect(configOf(changed({ [path]: value }))).toMatchObject(seen as object);
  });

  it("opens exchange for what it names, from which callers may have less, and to no issuer of users", () => {
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
      "issuers[0].issuer": "must not be integrations.oauth.issuer: JWTs that are made of tokens manage nothing",
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

  it("wants to know the issuer of an open OAuth integration", () => {
    expect(problemsOf({ ...minimal, integrations: { oauth: { enabled: true } } })).toEqual({
      "integrations.oauth.issuer": "is required where it is enabled",
    });
  });

  it.each(["*", "app.example.com", "https://app.example.com/", "HTTPS://app.example.com", "https://a.example:443"])(
    "admits no %s for an origin",
    (origin) => {
      expect(problemsOf({ ...minimal, public_http: { origins: [origin] } })).toEqual({
        "public_http.origins[0]": expect.stringContaining("must be an origin such as"),
      });
    },
  );

  it("opens no port to the internet without a protection, nor while everybody is an administrator", () => {
    expect(problemsOf({ ...minimal, public_http: { listen: "0.0.0.0:1" } })).toEqual({
      "public_http.plaintext": "must be true to listen beyond loopback without tls",
    });
    expect(problemsOf({ ...minimal, public_http: {}, dangerously_disable_caller_authentication: true })).toEqual({
      public_http: "must not be there while dangerously_disable_caller_authentication is true",
    });
  });

  it("refuses faulty integrations for leaks, saying what would be right", () => {
    const leaks = {
      gitlab: { enabled: true },
      github: { keys_url: "http://keys.example.com" },
      notify_only: ["user:alice"],
      webhook: { url: "https://example.com/hook?key=1", key: "short" },
    };
    expect(problemsOf({ ...minimal, integrations: { leaks }, public_http: { trusted_proxies: ["10.0.0.1"] } })).toEqual(
      {
        "integrations.leaks.gitlab.keys_url": "is required where it is enabled",
        "integrations.leaks.github.keys_url": expect.stringContaining("https:"),
        "integrations.leaks.notify_only[0]": "must be an organization, organization:…",
        "integrations.leaks.webhook.url": expect.stringContaining("https:"),
        "integrations.leaks.webhook.key": "must have at least 32 characters",
        "public_http.trusted_proxies[0]": expect.stringContaining("must be a range"),
      },
    );
  });

  it("S14 knows the host of a route by one spelling", () => {
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

  it("refuses a route that could not be matched, saying where", () => {
    const routes = [{ path: "/docs//{id}", resource: "document:{id}", action: "viewer", method: "get" }];
    expect(problemsOf({ ...minimal, integrations: { routes } })).toMatchObject({
      "integrations.routes[0].method": expect.stringContaining("capitals"),
    });
    expect(problemsOf({ ...minimal, integrations: { routes: [{ ...routes[0], method: "GET" }] } })).toMatchObject({
      "integrations.routes[0]": expect.stringContaining("must be a path"),
    });
  });

  it("limits no integration and admits no public revocation unless told to", () => {
    const authzen = { enabled: true, identifier: "https://pdp.example.com", max_per_second: 0 };
    const oauth = { enabled: true, issuer: "https://patwarden.example.com", public_revocations_per_minute: 6 };
    expect(configOf(changed({ integrations: { authzen, oauth, ext_authz: { enabled: true } } })).integrations).toEqual({
      routes: [],
      authZen: { identifier: "https://pdp.example.com" },
      oauth: { issuer: "https://patwarden.example.com", maxCacheMs: 60_000 },
      extAuthz: { basic: false, trustedProxies: [] },
    });
  });

  it("knows a caller by certificates, beside keys or instead, where a port asks for them", () => {
    const id = "spiffe://cluster.local/ns/shop/sa/orders";
    const callers = [
      { name: "orders", certificates: [id], permissions: ["check"] },
      { name: "billing", certificates: [`${id}.2`], key_sha256: [hash], permissions: ["check"] },
    ];
    const tls = { cert: certificate.certFile, key: certificate.keyFile };
    for (const port of ["grpc", "http"]) {
      const { callers: seen } = configOf(
        changed({ callers, [`${port}.tls`]: { ...tls, client_ca: certificate.certFile } }),
      );
      expect(seen.map(({ keySha256, certificates }) => [keySha256, certificates])).toEqual([
        [[], [id]],
        [[hash], [`${id}.2`]],
      ]);
    }
    const nobodyAsks = "needs tls.client_ca of grpc or http, or nobody can show one";
    expect(problemsOf(changed({ callers, "http.tls": tls }))).toEqual({
      "callers[0].certificates": nobodyAsks,
      "callers[1].certificates": nobodyAsks,
    });
  });

  it.each<[string, Tree, string, string]>([
    [
      "neither keys nor certificates",
      { key_sha256: undefined },
      "[0].key_sha256",
      "is required where there are no cert",
    ],
    ["no certificate in a list", { certificates: [] }, "[0].certificates", "must have 1 to 10 entries"],
    ["one certificate twice", { certificates: ["spiffe://a/b", "spiffe://a/b"] }, "", "the same certificates twice"],
    ...["spiffe://a", "spiffe://a/", "spiffe://a/b/", "spiffe://a//b", "spiffe://a/../b", "spiffe://a/b/."].map(
      (id): [string, Tree, string, string] => [
        id,
        { certificates: [id] },
        "[0].certificates[0]",
        "must be the SPIFFE id",
      ],
    ),
    ...[
      "https://a/b",
      "SPIFFE://a/b",
      "spiffe://A/b",
      "spiffe://a:1/b",
      "spiffe://a/b?c",
      "spiffe://a/*",
      "spiffe://a/b c",
    ].map((id): [string, Tree, string, string] => [
      id,
      { certificates: [id] },
      "[0].certificates[0]",
      "must be the SPIFFE id",
    ]),
    ["a long name", { certificates: [`spiffe://a/${"b".repeat(2040)}`] }, "[0].certificates[0]", "at most 2048"],
    ["a cache of more than an hour", { max_cache: "61m" }, "[0].max_cache", "must be a duration from 1s to 1h"],
  ])("refuses a caller with %s", (_, over, key, problem) => {
    const tls = { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile };
    expect(problemsOf(changed({ callers: [{ ...caller, ...over }], "grpc.tls": tls }))).toEqual({
      [`callers${key}`]: expect.stringContaining(problem),
    });
  });

  it("turns a limit off at 0", () => {
    const off = { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0, self_per_minute: 0 };
    expect(configOf(changed({ limits: off })).limits).toEqual({});
  });

  it("has no key that the table above leaves out", () => {
    const told = options.map(([path]) => path);
    expect(
      [...leavesOf()].filter((leaf) => !told.some((path) => leaf === path || leaf.startsWith(`${path}.`))),
    ).toEqual([]);
  });

  it("RV-12 takes a lease of 0s as no cache at all, and refuses a negative one and one too short to renew", () => {
    expect(problemsOf({ ...minimal, token_cache: { lease: "0s" } })).toEqual({});
    for (const lease of ["-1s", "499ms", "61s", "0", 0]) {
      expect(Object.keys(problemsOf({ ...minimal, token_cache: { lease } })), String(lease)).toEqual([
        "token_cache.lease",
      ]);
    }
    expect(Object.keys(problemsOf({ ...minimal, token_cache: { max_bytes: "-64MiB" } }))).toEqual([
      "token_cache.max_bytes",
    ]);
  });

  it("may be JSON", () => {
    expect(load(JSON.stringify(minimal)).ok).toBe(true);
  });

  it.each([
    ["0.0.0.0:9081", { plaintext: true }],
    ["[::]:9081", { tls: { cert: certificate.certFile, key: certificate.keyFile } }],
  ])("admits a port beyond loopback (%s) with %j", (listen, protection) => {
    expect(problemsOf({ ...minimal, grpc: { listen, ...protection } })).toEqual({});
  });

  it("tells everything that is wrong at once, by key and never with a value", () => {
    const wrong = {
      grpc: { listen: "0.0.0.0:9081", plaintex: true },
      http: { listen: "canary", tls: { cert: fileOf("canary"), key: join(directory, "missing") } },
      metrics: { listen: ":9082" },
      database: { url: "mysql://canary", max_connections: 0, prepare: "canary" },
      openfga: {
        addresses: ["http://canary:8081"],
        store_id: "01arz3ndektsv4rrffq69g5fav",
        auth: {},
        timeout: "0s",
        max_batch: -1,
        max_staleness: "2h",
        context: { current_time: "canary", "a b": "now" },
      },
      tokens: {
        brand: "Canary",
        default_lifetime: 90,
        peppers: [
          { version: 1, key: "canary", active: true },
          { version: 1, key: key.slice(0, -4), active: true },
        ],
      },
      subjects: { user_type: "organization" },
      callers: [
        { name: "Canary", key_sha256: [hash, hash.toUpperCase(), hash], permissions: ["check", "canary"] },
        { name: "b", key_sha256: [hash], permissions: [], subjects: ["group:canary", "user:*x"], max_lifetime: "11y" },
        {
          name: "b",
          key_sha256: [],
          permissions: ["check"],
          max_grant: { full: true, rules: [{ actions: ["a"], resources: ["*"] }] },
        },
      ],
      issuers: [{ issuer: "canary", audiences: "canary", subject: "canary", algorithms: ["canary"] }],
      reflection: "yes",
      grace: "-1s",
      canary: { x: 1 },
    };
    const problems = problemsOf(wrong);
    expect(Object.keys(problems).sort()).toEqual(
      [
        "callers",
        "callers[0].key_sha256",
        "callers[0].key_sha256[1]",
        "callers[0].name",
        "callers[0].permissions[1]",
        "callers[1].max_lifetime",
        "callers[1].permissions",
        "callers[1].subjects[0]",
        "callers[1].subjects[1]",
        "callers[2].key_sha256",
        "callers[2].max_grant.rules",
        "canary",
        "database.max_connections",
        "database.prepare",
        "database.url",
        "grace",
        "grpc.plaintex",
        "grpc.plaintext",
        "issuers[0].algorithms[0]",
        "issuers[0].audiences",
        "issuers[0].issuer",
        "issuers[0].subject",
        "http.listen",
        "http.tls.cert",
        "http.tls.key",
        "metrics.listen",
        "openfga.addresses[0]",
        "openfga.auth.preshared",
        "openfga.context.current_time",
        "openfga.max_batch",
        "openfga.max_staleness",
        "openfga.model_id",
        "openfga.store_id",
        "openfga.timeout",
        "reflection",
        "subjects.organization_type",
        "tokens.brand",
        "tokens.default_lifetime",
        "tokens.peppers",
        "tokens.peppers[0].key",
        "tokens.peppers[1].key",
      ].sort(),
    );
    expect(Object.values(problems).join("\n")).not.toMatch(/canary/i);
  });

  it.each<[Tree, Tree]>([
    [{ "openfga.model_id": undefined }, { "openfga.model_id": "is required" }],
    [{ "openfga.model_id": null }, { "openfga.model_id": "is required" }],
    [
      { openfga: null },
      { "openfga.addresses": "is required", "openfga.store_id": "is required", "openfga.model_id": "is required" },
    ],
    [{ openfga: 5 }, { openfga: "must be a mapping" }],
    [{ "grpc.plaintex": true }, { "grpc.plaintex": "is unknown; did you mean plaintext?" }],
    [{ "openfga.context": { at: "time" } }, { "openfga.context.at": "must be one of now, client_ip" }],
    [{ "openfga.context": { "a b": "now" } }, { "openfga.context": "must have parameters of conditions as keys" }],
    [{ "openfga.context": "now" }, { "openfga.context": "must be a mapping" }],
    [{ "database.url_fil": "x" }, { "database.url_fil": "is unknown; did you mean url_file?" }],
    [{ max_staleness: "5s" }, { max_staleness: "is unknown" }],
    [{ "grpc.listen": "0.0.0.0:1" }, { "grpc.plaintext": "must be true to listen beyond loopback without tls" }],
    [{ "metrics.listen": "0.0.0.0:1" }, { "metrics.plaintext": "must be true to listen beyond loopback without tls" }],
    [
      { "http.tls": { cert: certificate.certFile, key: certificateFiles().keyFile } },
      { "http.tls": "must be PEM files of which key fits cert" },
    ],
    [
      { "http.tls": { cert: certificate.certFile, key: certificate.keyFile }, "http.plaintext": true },
      { "http.plaintext": "must not be true beside tls" },
    ],
    [{ "tokens.peppers": [{ version: 1, key }] }, { "tokens.peppers": "must have exactly one active entry" }],
    [{ "tokens.peppers": [] }, { "tokens.peppers": "must have exactly one active entry" }],
    [{ callers: [] }, { callers: "must have an entry, or nobody can call" }],
    [{ callers: [caller, { ...caller, key_sha256: [otherHash] }] }, { callers: "must not have the same name twice" }],
    [{ callers: [caller, { ...caller, name: "b" }] }, { callers: "must not have the same key_sha256 twice" }],
    [{ callers: [{ ...caller, key_sha256: [hash, hash] }] }, { callers: "must not have the same key_sha256 twice" }],
    [
      { callers: [{ ...caller, name: "a".repeat(64) }] },
      { "callers[0].name": "must be 1 to 63 of a-z 0-9 -, no dash first" },
    ],
    [
      { callers: [{ ...caller, permissions: ["chek"] }] },
      {
        "callers[0].permissions[0]":
          "must be one of check, check.direct, introspect, tokens.read, tokens.revoke, tokens.behalf, tokens.impersonate, tokens.approve, tokens.claims, tokens.exchange, subjects, policies, usage, audit, admin",
      },
    ],
    [
      { "subjects.user_type": "person", callers: [{ ...caller, subjects: ["user:*", "person:*"] }] },
      { "callers[0].subjects[0]": "must be person:*, organization:* or a subject of these types" },
    ],
    [
      { issuers: [{ ...issuer, issuer: "http://login.example.com" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [
      { issuers: [{ ...issuer, issuer: "http://127.0.0.1.example.com/" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [
      { issuers: [{ ...issuer, issuer: "https://login.example.com/?a=b" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [{ issuers: [{ ...issuer, audiences: [] }] }, { "issuers[0].audiences": "must have 1 to 10 entries" }],
    [
      { issuers: [{ ...issuer, algorithms: ["RS256", "HS256"] }] },
      { "issuers[0].algorithms[1]": "must be one of RS256, PS256, ES256, EdDSA" },
    ],
    [{ issuers: [{ ...issuer, algorithms: [] }] }, { "issuers[0].algorithms": "must have 1 to 4 entries" }],
    [{ issuers: [{ ...issuer, required_scopes: ["a b"] }] }, { "issuers[0].required_scopes[0]": "must be one scope" }],
    [{ issuers: [{ ...issuer, types: [] }] }, { "issuers[0].types": "must have 1 to 4 entries" }],
    [{ issuers: [{ ...issuer, admin: { claim: "roles" } }] }, { "issuers[0].admin.value": "is required" }],
    [
      { issuers: [{ ...issuer, subject: "sub" }] },
      { "issuers[0].subject": "must hold a claim in braces, such as {sub}" },
    ],
    [
      { issuers: [{ ...issuer, subject: "{email}" }] },
      {
        "issuers[0].subject":
          "must be made of claims that never change hands, such as {sub}; not of names or addresses",
      },
    ],
    [
      { issuers: [{ ...issuer, max_lifetime: "31d" }] },
      { "issuers[0].max_lifetime": "must be a duration from 1m to 30d, such as 800ms, 5s, 10m, 1h, 90d, 1y" },
    ],
    [
      { issuers: [{ ...issuer, cache_max_age: "1s" }] },
      { "issuers[0].cache_max_age": "must be a duration from 10s to 1h, such as 800ms, 5s, 10m, 1h, 90d, 1y" },
    ],
    [
      {
        issuers: [
          { ...issuer, subject: "a|{sub}" },
          { ...issuer, subject: "b|{sub}" },
        ],
      },
      { issuers: "must not have the same issuer twice" },
    ],
    [{ issuers: [issuer, otherIssuer] }, { issuers: collision }],
    // The one that shares cannot speak for the one that does not.
    [{ issuers: [{ ...issuer, shared_subjects: true }, otherIssuer] }, { issuers: collision }],
    // Another template, but a subject of the first may start with acme|.
    [{ issuers: [issuer, { ...otherIssuer, subject: "acme|{sub}" }] }, { issuers: collision }],
    [
      {
        issuers: [
          { ...issuer, subject: "a|{sub}" },
          { ...otherIssuer, subject: "b|{sub}" },
        ],
      },
      {},
    ],
    [
      {
        issuers: [
          { ...issuer, shared_subjects: true },
          { ...otherIssuer, shared_subjects: true },
        ],
      },
      {},
    ],
    [
      { limits: { creations_per_hour: -1, revocations_burst: 0, lists_per_second: 0.5, creations_per_day: 1 } },
      {
        "limits.creations_per_day": "is unknown; did you mean creations_per_hour?",
        "limits.creations_per_hour": "must be at least 0",
        "limits.revocations_burst": "must be at least 1",
        "limits.lists_per_second": "must be a whole number",
      },
    ],
    [
      { "audit.retention": "0s" },
      { "audit.retention": "must be a duration from 1d to 100y, such as 800ms, 5s, 10m, 1h, 90d, 1y" },
    ],
    [
      {
        dangerously_disable_caller_authentication: true,
        callers: [],
        "http.listen": "0.0.0.0:1",
        "http.plaintext": true,
      },
      { "http.listen": "must be loopback while dangerously_disable_caller_authentication is true" },
    ],
  ])("given %j says %j", (changes, problems) => {
    expect(problemsOf(changed(changes))).toEqual(problems);
  });

  it.each<[Tree, Tree]>([
    ...["", "\n", "changeme", "secret"].map((weak): [Tree, Tree] => [
      { callers: [{ ...caller, key_sha256: [createHash("sha256").update(weak).digest("hex")] }] },
      {
        "callers[0].key_sha256[0]":
          "must be of a key that nobody guesses: this is the hash of an empty or a well-known text",
      },
    ]),
    ...["service", "token", "provider", "system", "unknown", "reporter", "Service", "identity"].flatMap((type) =>
      ["user_type", "organization_type"].map((key): [Tree, Tree] => [
        { [`subjects.${key}`]: type },
        {
          [`subjects.${key}`]:
            "must be none of service, token, provider, reporter, system, unknown, access_token, identity: what is called so is not a subject",
        },
      ]),
    ),
  ])(
    "S31 refuses keys that are guessed and subjects that pass for other actors: given %j says %j",
    (changes, problems) => {
      expect(problemsOf(changed(changes))).toEqual(problems);
    },
  );

  it.each([
    ["31 bytes", Buffer.alloc(31).toString("base64")],
    ["another alphabet", Buffer.alloc(32, 255).toString("base64url")],
    ["a stray character", `${key.slice(0, 10)}!${key.slice(10)}`],
  ])("refuses a pepper of %s", (_, wrong) => {
    const peppers = [{ version: 1, key: wrong, active: true }];
    expect(problemsOf(changed({ "tokens.peppers": peppers }))).toEqual({
      "tokens.peppers[0].key": "must be base64 of at least 32 bytes",
    });
  });

  it.each([
    ["a: [", /BAD_COLLECTION|MISSING_CHAR|in line 1/],
    ["database: {url: postgres://canary}\ndatabase: 1", /DUPLICATE_KEY in line 2/],
    ["openfga: {auth: {preshared: *canary}}", /must stand in quotes/],
    ["- canary", /must be a mapping/],
    ["canary", /must be a mapping/],
  ])("that reads %j is refused without being quoted", (content, problem) => {
    const [text] = Object.values(problemsOf(content));
    expect(text).toMatch(problem);
    expect(text).not.toContain("canary");
  });

  it("must exist when it is named", () => {
    const file = join(directory, "nowhere.yaml");
    expect(loadConfig({ file, env: {} })).toEqual({
      ok: false,
      problems: [{ key: file, problem: "cannot be read: ENOENT" }],
    });
  });
});

describe("secrets in files", () => {
  it("are read without the line feed at their end", () => {
    const content = changed({
      database: { url_file: fileOf("postgres://u:p@db/x\n") },
      "openfga.auth": { preshared_file: fileOf("key") },
      "tokens.peppers": [{ version: 1, key_file: fileOf(`${key}\r\n`), active: true }],
    });
    expect(configOf(content)).toMatchObject({
      database: { address: { hosts: [{ host: "db" }], user: "u", password: "p", database: "x" } },
      openfga: { auth: { preshared: "key" } },
      tokens: { peppers: [{ key: Buffer.alloc(32, 7) }] },
    });
  });

  it("are told by key when they are missing, empty, no text or given twice", () => {
    const content = changed({
      "database.url_file": fileOf("postgres://other/x"),
      "openfga.auth": { preshared_file: fileOf("\n") },
      "tokens.peppers": [
        { version: 1, key_file: join(directory, "nowhere"), active: true },
        { version: 2, key_file: 5 },
      ],
    });
    expect(problemsOf(content)).toEqual({
      "database.url_file": "must not stand beside url",
      "openfga.auth.preshared": "must not be empty",
      "tokens.peppers[0].key_file": "cannot be read: ENOENT",
      "tokens.peppers[1].key_file": "must be the name of a file",
    });
  });
});

describe("openfga.addresses", () => {
  it.each([
    [["a:1", "b:1"], false],
    [["10.0.0.1:1", "b:1"], false],
    [["10.0.0.1:1", "[::1]:1"], false],
    [["a:1"], true],
    [["10.0.0.1:1", "10.0.0.2:1"], true],
  ])("%j: a gRPC channel takes one name, or addresses of one family: %s", (addresses, sound) => {
    expect(load(changed({ "openfga.addresses": addresses })).ok).toBe(sound);
  });
});

describe("PATWARDEN_ variables", () => {
  it("take the place of what the file says", () => {
    const env = {
      PATWARDEN_DATABASE_URL: "postgres://env/x",
      PATWARDEN_DATABASE_MAX_CONNECTIONS: "7",
      PATWARDEN_DATABASE_PREPARE: "false",
      PATWARDEN_OPENFGA_ADDRESSES: "10.0.0.1:1, 10.0.0.2:2",
      PATWARDEN_OPENFGA_AUTH_PRESHARED: "123",
      PATWARDEN_OPENFGA_TLS: "true",
      PATWARDEN_DRAIN_DELAY: "1s",
    };
    expect(configOf(minimal, env)).toMatchObject({
      database: { address: { hosts: [{ host: "env" }], database: "x" }, maxConnections: 7, prepare: false },
      openfga: {
        addresses: [
          { host: "10.0.0.1", port: 1 },
          { host: "10.0.0.2", port: 2 },
        ],
        auth: { preshared: "123" },
        tls: true,
      },
      drainDelayMs: 1000,
    });
  });

  it("can name a file of a secret, and replace one that the file names", () => {
    const content = changed({ database: { url_file: fileOf("postgres://file/x") } });
    expect(configOf(content, { PATWARDEN_DATABASE_URL: "postgres://env/x" }).database.address.hosts[0]?.host).toBe(
      "env",
    );
    const env = { PATWARDEN_DATABASE_URL_FILE: fileOf("postgres://env-file/x") };
    expect(configOf(minimal, env).database.address.hosts[0]?.host).toBe("env-file");
  });

  it("are told by key and without value when wrong, by name when unknown", () => {
    const env = {
      PATWARDEN_DATABASE_MAX_CONNECTIONS: "canary",
      PATWARDEN_DATABASE_PREPARE: "1",
      PATWARDEN_DATABSE_URL: "canary",
      PATWARDEN_CALLERS: "canary",
    };
    expect(problemsOf(minimal, env)).toEqual({
      "database.max_connections": "must be a number",
      "database.prepare": "must be true or false",
      PATWARDEN_DATABSE_URL: "is unknown; did you mean PATWARDEN_DATABASE_URL?",
      PATWARDEN_CALLERS: "is unknown",
    });
  });

  it.each([
    "PATWARDEN_TEST_DATABASE_URL",
    "PATWARDEN_SERVICE_HOST",
    "PATWARDEN_SERVICE_PORT",
    "PATWARDEN_SERVICE_PORT_GRPC",
    "PATWARDEN_PORT",
    "PATWARDEN_PORT_9081_TCP",
    "PATWARDEN_PORT_9081_TCP_ADDR",
    "PATWARDEN_HTTP_SERVICE_HOST",
    "OTHER_VARIABLE",
  ])("%s is none of ours", (name) => {
    expect(problemsOf(minimal, { [name]: "tcp://10.0.0.1:9081" })).toEqual({});
  });

  it("count as absent when empty", () => {
    expect(configOf(minimal, { PATWARDEN_DATABASE_URL: "" }).database.address.hosts[0]?.host).toBe("db");
  });

  it("do not paper over a section that is no mapping", () => {
    expect(problemsOf(changed({ grpc: 5 }), { PATWARDEN_GRPC_LISTEN: "127.0.0.1:1" })).toEqual({
      grpc: "must be a mapping",
    });
  });
});

describe("the configuration of migrate", () => {
  it("needs the database only and leaves other secrets alone", () => {
    const file = fileOf({
      database: minimal.database,
      openfga: { auth: { preshared_file: join(directory, "nowhere") } },
    });
    expect(loadMigrationConfig({ file, env: {} })).toEqual({
      ok: true,
      config: {
        log: { level: "info" },
        database: {
          address: {
            hosts: [{ host: "db", port: 5432 }],
            database: "patwarden",
            tls: { mode: "disable" },
            parameters: {},
          },
          maxConnections: 10,
          prepare: true,
        },
      },
    });
  });

  it("can come from the environment alone", () => {
    expect(loadMigrationConfig({ env: { PATWARDEN_DATABASE_URL: "postgres://db/x" } })).toMatchObject({ ok: true });
  });

  it("tells a missing database and unknown keys", () => {
    expect(loadMigrationConfig({ file: fileOf({ databse: {} }), env: {} })).toEqual({
      ok: false,
      problems: [
        { key: "databse", problem: "is unknown; did you mean database?" },
        { key: "database.url", problem: "is required" },
      ],
    });
  });
});

describe("a change of configuration", () => {
  it("of callers, issuers and the model needs no restart", () => {
    const callers = [caller, { ...caller, name: "b", key_sha256: [otherHash] }];
    const model = { "openfga.model_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
    const next = configOf(changed({ callers, issuers: [issuer], ...model }));
    expect(restartKeys(configOf(minimal), next)).toEqual([]);
  });

  it("of anything else does, and is told by its key", () => {
    const next = configOf(
      changed({ "openfga.timeout": "1s", drain_delay: "1s", "tokens.peppers": [{ version: 2, key, active: true }] }),
    );
    expect(restartKeys(configOf(minimal), next)).toEqual(["openfga", "tokens", "drain_delay"]);
  });

  it.each<Tree>([
    { "database.url": "postgres://db:password@db/patwarden" },
    { "openfga.auth.preshared": "k" },
    { "tokens.peppers": [{ version: 1, key: Buffer.alloc(32, 8).toString("base64"), active: true }] },
    { callers: [{ ...caller, permissions: ["check", "introspect"] }] },
    { issuers: [issuer] },
    { grace: "1s" },
  ])("of %j shows in the hash", (changes) => {
    expect(configHash(configOf(changed(changes)))).not.toBe(configHash(configOf(minimal)));
  });

  it("of the order of permissions, or of nothing, does not", () => {
    const ordered = (permissions: readonly string[]) =>
      configHash(configOf(changed({ callers: [{ ...caller, permissions }] })));
    expect(ordered(["check", "introspect"])).toBe(ordered(["introspect", "check"]));
    expect(ordered(["check"])).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("A5 secrets", () => {
  const canary = "qxCANARYqx";
  const secret = `${canary}${canary}${canary}${canary}`;
  const paths = ["openfga.auth.preshared", "integrations.leaks.github.token", "integrations.leaks.webhook.key"];
  const variableOf = (path: string) => `PATWARDEN_${path.replaceAll(".", "_").toUpperCase()}`;
  const withWebhook = (changes: Tree) =>
    changed({ "integrations.leaks.webhook.url": "https://hooks.example", ...changes });

  it.each(paths)("%s may end in blanks and line ends, in a file, a variable and the document", (path) => {
    const found = (config: Tree, env: NodeJS.ProcessEnv = {}): unknown => {
      const { openfga, integrations } = configOf({ ...config }, env);
      return [openfga.auth?.preshared, integrations.leaks?.providers.github?.token, integrations.leaks?.webhook?.key][
        paths.indexOf(path)
      ];
    };
    const base = {
      "integrations.leaks.report": true,
      "integrations.leaks.github.enabled": true,
      "integrations.leaks.webhook.key": secret,
    };
    for (const end of ["", "\n", "\r\n", " \t\n\n", "\u00a0"]) {
      expect(found(withWebhook({ ...base, [path]: `${secret}${end}` }))).toBe(secret);
      expect(found(withWebhook(base), { [variableOf(path)]: `${secret}${end}` })).toBe(secret);
      const file = fileOf(`${secret}${end}`);
      expect(found(withWebhook(base), { [`${variableOf(path)}_FILE`]: file })).toBe(secret);
    }
  });

  it.each(paths)("%s is refused by its name for anything else that a header cannot hold", (path) => {
    const rule =
      "must be printable ASCII: a header holds neither line ends, other control characters nor other letters";
    for (const bad of [
      "\n",
      "\u0000",
      "\u0001",
      "\t",
      "\u007f",
      "\u0085",
      "\u00e9",
      "\u2028",
      "\ud83d\ude00",
      "\ufeff",
    ]) {
      for (const value of [`${secret}${bad}${secret}`, `${bad}${secret}`]) {
        expect(problemsOf(withWebhook({ "integrations.leaks.webhook.key": secret, [path]: value }))).toEqual({
          [path]: rule,
        });
        const file = fileOf(value);
        // A file that begins with a mark of its byte order is read without it.
        if (bad === "\ufeff") continue;
        expect(problemsOf(withWebhook({}), { [`${variableOf(path)}_FILE`]: file })).toHaveProperty([path], rule);
      }
    }
    expect(problemsOf(withWebhook({ "integrations.leaks.webhook.key": secret, [path]: " \n" }))).toHaveProperty([path]);
  });

  /** All keys that a value can stand under, lists at their first entry. */
  function* leaves(
    tree: typeof keyTree,
    above: readonly (string | number)[] = [],
  ): Generator<readonly (string | number)[]> {
    for (const [key, child] of Object.entries(tree.properties ?? {})) {
      const path = [...above, key];
      if (child.properties) yield* leaves(child, path);
      else if (child.items) yield* child.items.properties ? leaves(child.items, [...path, 0]) : [[...path, 0]];
      else yield path;
      if (child.secret) yield [...above, `${key}_file`];
    }
  }

  it("are in no problem, whatever setting they were put into by mistake, and in whatever form", () => {
    const at = ([key, ...below]: readonly (string | number)[], value: unknown): unknown => {
      if (key === undefined) return value;
      return typeof key === "number" ? [at(below, value)] : { [key]: at(below, value) };
    };
    const forms: readonly unknown[] = [
      secret,
      `${secret}\u0001`,
      `https://u:${secret}@h`,
      `postgres://u:${secret}/${secret}@h:x/d`,
      [secret],
      { [secret]: secret },
      { [`preshared:${secret}`]: 1 },
      { "<": { [secret]: secret } },
    ];
    const found = [...leaves(keyTree)];
    expect(found.length).toBeGreaterThan(100);
    let refused = 0;
    for (const path of found) {
      for (const form of forms.slice(-2)) {
        const loaded = load(at(path, form));
        if (loaded.ok) continue;
        refused++;
        expect(JSON.stringify(loaded.problems), path.join(".")).not.toContain("CANARY");
      }
    }
    expect(refused).toBeGreaterThan(found.length * 1.9);
    for (const form of forms) {
      for (const path of found.filter((each) => /preshared|token|key|url|cert|context/.test(each.join()))) {
        const loaded = load(at(path, form));
        expect(JSON.stringify(loaded.ok || loaded.problems), path.join(".")).not.toContain("CANARY");
      }
    }
    for (const path of found.filter((each) => !each.includes(0))) {
      const variable = `PATWARDEN_${path.join("_").toUpperCase()}`;
      const loaded = load(minimal, { [variable]: `${secret}\n${secret}` });
      expect(JSON.stringify(loaded.ok || loaded.problems), variable).not.toContain("CANARY");
    }
    for (const yaml of [
      `openfga:\n  auth:\n    preshared: "${secret}`,
      `openfga:\n  auth:\n    preshared:${secret}\n    x: y`,
      `openfga:\n  auth:\n  preshared ${secret}\n  x: y`,
      `openfga: { auth: { preshared ${secret} } }`,
      `openfga: { auth: { preshared: *${secret} } }`,
      `openfga: { auth: { preshared: !${secret} x } }`,
      `openfga: { auth: { preshared: &${secret} } `,
      `? ${secret}\n: ${secret}\n? ${secret}`,
      `${secret}`,
      `- ${secret}`,
      `%${secret}\n---\na: b`,
      `{"openfga":{"auth":{"preshared":"${secret}}}`,
    ]) {
      const loaded = load(yaml);
      expect(JSON.stringify(loaded), yaml).not.toContain("CANARY");
      expect(loaded.ok).toBe(false);
    }
  }, 180_000);
});
