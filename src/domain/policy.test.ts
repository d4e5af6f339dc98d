import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it, vi } from "vitest";
import type { ActionName, SubjectName } from "./identifier.js";
import { cidrsWithin, networkAllows, parseAddress } from "./network.js";
import {
  blockedBy,
  grantUnder,
  loosens,
  noPolicy,
  type Policy,
  policyAllows,
  policyViolations,
  stricter,
  tightens,
} from "./policy.js";
import type { Grant } from "./token.js";

const created = new Date("2026-01-01T00:00:00Z");
const after = (ms: number): Date => new Date(created.getTime() + ms);
const secret = { createTime: created };
const actions = (...names: string[]) => names as unknown as readonly ActionName[];
const rules = (...names: string[]): Grant => ({
  kind: "rules",
  rules: [{ actions: actions(...names), resources: ["document:*"] }],
});
const token = {
  kind: "pat" as const,
  organization: undefined,
  grant: rules("viewer"),
  expireTime: after(1000),
  selfRotate: false,
};

describe("blockedBy", () => {
  it.each<[string, Partial<Policy>, object, readonly string[]]>([
    ["nothing", {}, {}, []],
    ["EX-5 a life at the limit", { maxLifetimeMs: 1000 }, {}, []],
    ["EX-5 a life over the limit", { maxLifetimeMs: 999 }, {}, ["max_lifetime"]],
    ["EX-5 no end where lives are limited", { maxLifetimeMs: 999 }, { expireTime: undefined }, ["max_lifetime"]],
    ["AS-11 no end where one is required", { requireExpiry: true }, { expireTime: undefined }, ["require_expiry"]],
    ["an end where one is required", { requireExpiry: true }, {}, []],
    ["full where it is forbidden", { forbidFull: true }, { grant: { kind: "full" } }, ["forbid_full"]],
    ["rules where full is forbidden", { forbidFull: true }, {}, []],
    ["all", { blockAll: true }, {}, ["block_all"]],
    ["an unbound user token where one must be bound", { requireOrganization: true }, {}, ["require_organization"]],
    ["a bound one", { requireOrganization: true }, { organization: "organization:acme" as SubjectName }, []],
    ["an organization's own", { requireOrganization: true }, { kind: "oat" }, []],
  ])("%s", (_what, policy, over, expected) => {
    expect(blockedBy({ ...noPolicy, ...policy }, { ...token, ...over }, secret)).toEqual(expected);
  });
});

describe("allowed actions", () => {
  const policy = { ...noPolicy, allowedActions: actions("viewer", "editor") };

  it.each<[string, Grant, Grant]>([
    ["full", { kind: "full" }, { kind: "rules", rules: [{ actions: policy.allowedActions, resources: ["*"] }] }],
    ["`*`", { kind: "rules", rules: [{ actions: ["*"], resources: ["document:*"] }] }, rules("viewer", "editor")],
    ["these", rules("viewer"), rules("viewer")],
    ["these and others", rules("owner", "editor", "viewer"), rules("viewer", "editor")],
    ["others", rules("owner"), { kind: "rules", rules: [] }],
  ])("leave these of a grant of %s", (_what, grant, left) => {
    expect(grantUnder(policy, grant)).toEqual(left);
    expect(grantUnder(noPolicy, grant)).toBe(grant);
  });

  it("let `*` and full mean these, and no others", () => {
    expect(policyAllows(policy, "viewer" as ActionName)).toBe(true);
    expect(policyAllows(policy, "owner" as ActionName)).toBe(false);
    expect(policyAllows(noPolicy, "owner" as ActionName)).toBe(true);
    for (const grant of [rules("*"), { kind: "full" } as const, rules("viewer")]) {
      expect(policyViolations(policy, { ...token, grant }, secret)).toEqual([]);
    }
    expect(policyViolations(policy, { ...token, grant: rules("viewer", "owner") }, secret)).toEqual([
      "allowed_actions",
    ]);
  });
});

it("self-rotation is refused unless it is allowed", () => {
  expect(policyViolations(noPolicy, { ...token, selfRotate: true }, secret)).toEqual(["allow_self_rotation"]);
  expect(policyViolations({ ...noPolicy, allowSelfRotation: true }, { ...token, selfRotate: true }, secret)).toEqual(
    [],
  );
});

const cidrs = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "2001:db8::/32"];
const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  maxLifetimeMs: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
  defaultLifetimeMs: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
  requireExpiry: fc.boolean(),
  allowedActions: fc.option(fc.subarray([...actions("viewer", "editor", "owner")], { minLength: 1 }), {
    nil: undefined,
  }),
  allowedCidrs: fc.option(fc.subarray(cidrs, { minLength: 1 }), { nil: undefined }),
  requireApproval: fc.boolean(),
  revokeUnusedAfterMs: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
  revokeOnReuse: fc.boolean(),
  forbidFull: fc.boolean(),
  blockAll: fc.boolean(),
  allowSelfRotation: fc.boolean(),
  requireOrganization: fc.boolean(),
});
const anyToken = fc.record({
  kind: fc.constantFrom("pat" as const, "oat" as const),
  organization: fc.constantFrom(undefined, "organization:acme" as SubjectName),
  grant: fc.constantFrom<Grant>({ kind: "full" }, rules("viewer"), rules("owner"), rules("*")),
  expireTime: fc.option(fc.integer({ min: 1, max: 3000 }).map(after), { nil: undefined }),
  selfRotate: fc.boolean(),
});
const addresses = ["10.0.0.1", "10.1.0.1", "192.0.2.1", "198.51.100.1", "2001:db8::1"].map((text) => {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
});

describe("stricter", () => {
  it("allows what both allow, and nothing else", () => {
    fc.assert(
      fc.property(anyPolicy, anyPolicy, anyToken, (a, b, judged) => {
        const both = stricter(a, b);
        const sound = (policy: Policy) => policyViolations(policy, judged, secret).length === 0;
        // Limits without anything in common block all; apart they would only never be met.
        if (both.blockAll === (a.blockAll || b.blockAll)) expect(sound(both)).toBe(sound(a) && sound(b));
        else expect(sound(both)).toBe(false);
        for (const action of actions("viewer", "editor", "owner")) {
          expect(policyAllows(both, action)).toBe(policyAllows(a, action) && policyAllows(b, action));
        }
        for (const address of addresses) {
          const admits = ({ allowedCidrs }: Policy) => networkAllows(allowedCidrs ?? [], address);
          if (both.allowedCidrs?.length !== 0) expect(admits(both)).toBe(admits(a) && admits(b));
        }
      }),
    );
  });

  it("S16 parses each range once, however many it is compared with", () => {
    const ranges = (network: number) => Array.from({ length: 100 }, (_, n) => `10.${network}.${n}.0/24`);
    const parsed = vi.spyOn(ipaddr, "parseCIDR");
    try {
      stricter({ ...noPolicy, allowedCidrs: ranges(1) }, { ...noPolicy, allowedCidrs: ranges(2) });
      expect(parsed).toHaveBeenCalledTimes(200);
      expect(cidrsWithin(ranges(1), ranges(1).reverse())).toBe(true);
      expect(parsed).toHaveBeenCalledTimes(400);
    } finally {
      parsed.mockRestore();
    }
  });

  it("is the same whichever comes first, changes nothing when repeated, and noPolicy tightens only self-rotation", () => {
    const sets = (policy: Policy) => ({
      ...policy,
      allowedActions: policy.allowedActions && new Set(policy.allowedActions),
      allowedCidrs: policy.allowedCidrs && new Set(policy.allowedCidrs),
    });
    fc.assert(
      fc.property(anyPolicy, anyPolicy, (a, b) => {
        expect(sets(stricter(a, b))).toEqual(sets(stricter(b, a)));
        expect(sets(stricter(stricter(a, b), b))).toEqual(sets(stricter(a, b)));
        expect(sets(stricter(a, noPolicy))).toEqual(sets({ ...a, allowSelfRotation: false }));
      }),
    );
  });

  it("tells tightening from loosening", () => {
    const loose = { ...noPolicy, maxLifetimeMs: 2000 };
    const tight = { ...noPolicy, maxLifetimeMs: 1000 };
    expect([tightens(loose, tight), loosens(loose, tight)]).toEqual([true, false]);
    expect([tightens(tight, loose), loosens(tight, loose)]).toEqual([false, true]);
    expect([tightens(tight, tight), loosens(tight, tight)]).toEqual([false, false]);
    const other = { ...noPolicy, requireExpiry: true };
    expect([tightens(tight, other), loosens(tight, other)]).toEqual([true, true]);
  });
});
