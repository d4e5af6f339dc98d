import { describe, expect, it } from "vitest";
import { changed, describeSettings, load } from "../../test/kit/config-file.js";

describeSettings(
  ["openfga"],
  [
    ["openfga.addresses", ["[::2]:1", "[::1]:2"], { openfga: { addresses: [{ host: "::2" }, { host: "::1" }] } }],
    ["openfga.engine", "builtin", { openfga: { engine: "builtin" } }],
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
  ],
  [
    [{ "openfga.model_id": undefined }, { "openfga.model_id": "is required" }],
    [{ "openfga.model_id": null }, { "openfga.model_id": "is required" }],
    [
      { openfga: null },
      { "openfga.addresses": "is required", "openfga.store_id": "is required", "openfga.model_id": "is required" },
    ],
    [{ "openfga.engine": "node" }, { "openfga.engine": "must be one of builtin, grpc-js" }],
    [{ openfga: 5 }, { openfga: "must be a mapping" }],
    [{ "openfga.context": { at: "time" } }, { "openfga.context.at": "must be one of now, client_ip" }],
    [{ "openfga.context": { "a b": "now" } }, { "openfga.context": "must have names of condition parameters as keys" }],
    [{ "openfga.context": "now" }, { "openfga.context": "must be a mapping" }],
  ],
);

describe("openfga.addresses", () => {
  it.each([
    [["a:1", "b:1"], false],
    [["10.0.0.1:1", "b:1"], false],
    [["10.0.0.1:1", "[::1]:1"], false],
    [["a:1"], true],
    [["10.0.0.1:1", "10.0.0.2:1"], true],
  ])("%j: grpc-js takes one name, or addresses of one family: %s; builtin takes all", (addresses, sound) => {
    expect(load(changed({ "openfga.addresses": addresses, "openfga.engine": "grpc-js" })).ok).toBe(sound);
    expect(load(changed({ "openfga.addresses": addresses })).ok).toBe(true);
  });
});
