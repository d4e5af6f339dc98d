import { describe, expect, it } from "vitest";
import { devConfig } from "./config.js";

const ids = { storeId: "01ARZ3NDEKTSV4RRFFQ69G5FAV", modelId: "01BX5ZZKBKACTAV9WEVGEMMVRZ" };
const openfga = {
  grpc: "127.0.0.1:8081",
  http: "http://127.0.0.1:8080",
  apiKey: "key",
  pid: 1,
  exited: new Promise<never>(() => {}),
  stop: () => Promise.reject(new Error("not started")),
};
const secrets = {
  pepper: new Uint8Array(32).fill(7),
  serviceKey: "pw_svc_x",
  sampleKey: "pw_svc_y",
  consoleSecret: "s",
};

describe("the configuration of patwarden dev", () => {
  it.each([
    ["127.0.0.1", 9080, "http://127.0.0.1:9080"],
    ["localhost", 9090, "http://localhost:9090"],
    ["::1", 9080, "http://[::1]:9080"],
  ])("on %s has no fault, and names its own URL", (host, port, url) => {
    const at = { host, port };
    const addresses = {
      grpc: { host, port: 9081 },
      http: at,
      publicHttp: { host, port: 9083 },
      console: { host, port: 9084 },
      issuer: { host, port: 9085 },
      sample: { host, port: 9086 },
    };
    const config = devConfig(addresses, { ...ids, openfga }, secrets);
    expect(config).toMatchObject({
      http: { listen: at },
      openfga: { ...ids, addresses: [{ host: "127.0.0.1", port: 8081 }], auth: { preshared: "key" } },
      tokens: { brand: "pw", peppers: [{ version: 1, key: Buffer.alloc(32, 7), active: true }] },
      limits: {},
      issuers: [
        { issuer: expect.stringMatching(/^http:.*:9085$/), admin: { claim: "roles", value: "patwarden-admin" } },
      ],
    });
    expect([config.integrations.oauth?.issuer, config.integrations.authZen?.identifier]).toEqual([url, url]);
  });
});
