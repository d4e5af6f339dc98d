import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configOf, describeSettings, keyHash as hash, minimal } from "../../test/kit/config-file.js";
import { knownKeys } from "./known-keys.js";

describeSettings(
  ["dangerously_disable_caller_authentication", "reflection", "drain_delay", "grace"],
  [
    ["dangerously_disable_caller_authentication", true, { dangerouslyDisableCallerAuthentication: true }],
    ["reflection", false, { reflection: false }],
    ["drain_delay", "0s", { drainDelayMs: 0 }],
    ["grace", "1m", { graceMs: 60_000 }],
  ],
  [[{ grace: 20 }, { grace: "must be a duration from 0s to 10m, such as 800ms, 5s, 10m" }]],
);

describe("the configuration", () => {
  it("has defaults for all settings that are not required", () => {
    expect(configOf(minimal)).toEqual({
      log: { level: "info" },
      grpc: { listen: { host: "127.0.0.1", port: 9081 }, engine: "builtin", maxConnectionAgeMs: 600_000 },
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
        engine: "builtin",
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
      subjects: {
        user: "user",
        organization: "organization",
        relations: {
          member: "member",
          read: "admin",
          create: "admin",
          approve: "admin",
          revoke: "admin",
          policy: "admin",
        },
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

  it("has a test for each section", () => {
    const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"));
    const tested = tests.flatMap((name) => {
      const text = readFileSync(`${import.meta.dirname}/${name}`, "utf8");
      return /^describeSettings\(\s*\[([^\]]*)\]/m.exec(text)?.[1]?.match(/[a-z_]+/g) ?? [];
    });
    expect(tested.toSorted()).toEqual(Object.keys(knownKeys.properties ?? {}).toSorted());
  });
});
