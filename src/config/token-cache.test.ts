import { describe, expect, it } from "vitest";
import { describeSettings, minimal, problemsOf } from "../../test/kit/config-file.js";

const lease = "must be a duration from 0s to 1m, such as 800ms, 5s";
const size = "must be a size from 64KiB to 64GiB, such as 512KiB, 64MiB, 1GiB";

describeSettings(
  ["token_cache"],
  [
    ["token_cache.max_bytes", "1GiB", { tokenCache: { maxBytes: 1_073_741_824 } }],
    ["token_cache.lease", "0s", { tokenCache: { leaseMs: 0 } }],
  ],
  [
    [{ "token_cache.lease": 5 }, { "token_cache.lease": lease }],
    [{ "token_cache.lease": true }, { "token_cache.lease": lease }],
    [{ "token_cache.lease": ["5s"] }, { "token_cache.lease": lease }],
    [{ "token_cache.max_bytes": 67_108_864 }, { "token_cache.max_bytes": size }],
  ],
);

describe("the lease", () => {
  it("RV-12 uses no cache for a lease of 0s, and refuses a lease that is negative or too short to renew", () => {
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
});
