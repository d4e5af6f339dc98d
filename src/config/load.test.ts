import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  directory,
  fileOf,
  keyHash as hash,
  pepperKey as key,
  load,
  minimal,
  problemsOf,
} from "../../test/kit/config-file.js";
import { loadConfig, loadMigrationConfig } from "./load.js";

describe("the configuration file", () => {
  it("may be JSON", () => {
    expect(load(JSON.stringify(minimal)).ok).toBe(true);
  });

  it("needs only the required settings, and does not accept a key outside its section", () => {
    expect(problemsOf({ ...minimal, max_staleness: "5s" })).toEqual({ max_staleness: "is unknown" });
  });

  it("reports all problems at once, by key and never with a value", () => {
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

  it.each([
    ["a: [", /BAD_COLLECTION|MISSING_CHAR|in line 1/],
    ["database: {url: postgres://canary}\ndatabase: 1", /in line 2, column 1 \(DUPLICATE_KEY\)/],
    ["openfga: {auth: {preshared: *canary}}", /must be in quotes/],
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
      problems: [{ key: file, problem: `cannot be read: ENOENT: ${file}` }],
    });
  });
});

describe("the configuration of migrate", () => {
  it("needs only the database, and does not read other secrets", () => {
    const file = fileOf({
      database: minimal.database,
      openfga: { auth: { preshared_file: join(directory, "nowhere") } },
    });
    expect(loadMigrationConfig({ file, env: {} })).toEqual({
      ok: true,
      certificateFiles: [],
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

  it("reports a missing database and unknown keys", () => {
    expect(loadMigrationConfig({ file: fileOf({ databse: {} }), env: {} })).toEqual({
      ok: false,
      problems: [
        { key: "databse", problem: "is unknown; did you mean database?" },
        { key: "database.url", problem: "is required" },
      ],
    });
  });
});
