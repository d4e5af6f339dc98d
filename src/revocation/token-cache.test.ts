import { describe, expect, it } from "vitest";
import { resolvedToken } from "../../test/kit/token.js";
import type { SubjectName } from "../domain/identifier.js";
import type { ResolvedToken } from "../domain/token-store.js";
import type { Touched } from "./revocation-store.js";
import { TokenCache } from "./token-cache.js";

function setUp(maxBytes = 1_000_000) {
  let monotonicMs = 0;
  let epoch = 0;
  const cache = new TokenCache({ maxBytes, leaseMs: 1_000, now: () => ({ monotonicMs, wallMs: monotonicMs }) });
  const change = (...touched: readonly Touched[]): void => {
    if (touched.length > 0) epoch++;
    const changes = touched.map((each) => ({ ...each, epoch }));
    const now = { monotonicMs, wallMs: monotonicMs };
    cache.lease.renewed(now, { epoch, nonce: String(epoch), changes, databaseTimeMs: monotonicMs }, now);
  };
  change();
  return {
    cache,
    change,
    keep: (key: string, token: ResolvedToken, asOf = epoch) => cache.keep(key, token, asOf),
    pass: (ms: number) => {
      monotonicMs += ms;
    },
  };
}

describe("TokenCache", () => {
  it("serves kept records while it has a lease", () => {
    const { cache, keep, pass, change } = setUp();
    const token = resolvedToken();
    keep("a", token);
    expect(cache.get("a")).toBe(token);
    pass(1_000);
    expect(cache.get("a")).toBeUndefined();
    // Nothing has changed in the meantime: the next lease serves the record again.
    change();
    expect(cache.get("a")).toBe(token);
    expect(cache.hits).toBe(2);
  });

  it("drops all secrets of a token, all tokens of a subject, and all tokens under a policy", () => {
    const { cache, keep, change } = setUp();
    const acme = "organization:acme" as SubjectName;
    const alice = resolvedToken();
    const forAcme = resolvedToken({ organization: acme });
    const ofAcme = resolvedToken({ kind: "oat", subject: acme });
    const fill = (): void => {
      keep("alice 1", alice);
      keep("alice 2", alice);
      keep("for acme", forAcme);
      keep("of acme", ofAcme);
    };
    const kept = (): readonly string[] =>
      ["alice 1", "alice 2", "for acme", "of acme"].filter((key) => cache.get(key) !== undefined);
    fill();
    change({ kind: "token", key: alice.id });
    expect(kept()).toEqual(["for acme", "of acme"]);
    fill();
    change({ kind: "subject", key: "user:alice" });
    expect(kept()).toEqual(["of acme"]);
    fill();
    change({ kind: "subject", key: acme });
    expect(kept()).toEqual(["alice 1", "alice 2"]);
    fill();
    change({ kind: "policy", key: "user" });
    expect(kept()).toEqual(["of acme"]);
    fill();
    change({ kind: "policy", key: "organization" });
    expect(kept()).toEqual(["alice 1", "alice 2", "for acme"]);
    fill();
    change({ kind: "policy", key: acme });
    expect(kept()).toEqual(["alice 1", "alice 2"]);
    fill();
    change({ kind: "everything", key: "" });
    expect(kept()).toEqual([]);
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });

  it("does not keep what was read before a change that names it", () => {
    const { cache, keep, change } = setUp();
    const token = resolvedToken();
    change({ kind: "token", key: token.id });
    keep("a", token, 0);
    expect(cache.get("a")).toBeUndefined();
    keep("a", token, 1);
    expect(cache.get("a")).toBe(token);
  });

  it("keeps nothing without a lease", () => {
    const { cache, keep, pass, change } = setUp();
    pass(1_000);
    keep("a", resolvedToken());
    change();
    expect(cache.get("a")).toBeUndefined();
  });

  it("stays within its limit of bytes, and drops unused records first", () => {
    const { cache, keep } = setUp(5_000);
    keep("used", resolvedToken());
    for (let index = 0; index < 100; index++) {
      expect(cache.get("used")).toBeDefined();
      keep(String(index), resolvedToken());
      expect(cache.bytes).toBeLessThanOrEqual(5_000);
    }
    expect(cache.size).toBeGreaterThan(5);
    expect(cache.get("99")).toBeDefined();
    expect(cache.get("0")).toBeUndefined();
  });

  it("forgets one secret of a token without losing track of the other", () => {
    const { cache, keep, change } = setUp(3_000);
    const token = resolvedToken();
    keep("first", token);
    keep("second", token);
    for (let index = 0; index < 20; index++) {
      expect(cache.get("second")).toBe(token);
      keep(String(index), resolvedToken());
    }
    expect(cache.get("first")).toBeUndefined();
    change({ kind: "token", key: token.id });
    expect([cache.get("first"), cache.get("second")]).toEqual([undefined, undefined]);
  });
});
