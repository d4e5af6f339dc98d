import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import {
  RevocationReason,
  RevokeTokenRequestSchema,
  RevokeTokensRequestSchema,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Failure } from "../domain/errors.js";
import type { SubjectName } from "../domain/identifier.js";
import type { SecretId, TokenId } from "../domain/token.js";
import { authorize, requirePermission } from "./authorize.js";
import { type Caller, type Permission, permissions } from "./caller.js";
import { type Method, type Methods, methods, methodsThatAre } from "./methods.js";

const caller = (...permissions: Permission[]): Caller => ({
  kind: "service",
  name: "shop",
  permissions: new Set(permissions),
});

const refusal = (call: () => void): unknown => {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof Failure ? { reason: error.reason, metadata: error.metadata } : error;
  }
};

const services = {
  authorization: AuthorizationService,
  tokens: TokenService,
  self: SelfService,
  subjects: SubjectService,
  policies: PolicyService,
  usage: UsageService,
  audit: AuditService,
};
const rows = Object.values(methods).flatMap((table): [string, Method<never>][] => Object.entries(table));

describe("the table of methods", () => {
  it("has exactly the methods of the services", () => {
    expect(Object.keys(methods).sort()).toEqual(Object.keys(services).sort());
    for (const [name, { method }] of Object.entries(services)) {
      expect(Object.keys(methods[name as keyof typeof services]).sort()).toEqual(Object.keys(method).sort());
    }
  });

  it("does not compile with a method missing", () => {
    const { introspect: _, ...others } = methods.authorization;
    // @ts-expect-error introspect is missing
    const incomplete: Methods<typeof AuthorizationService> = others;
    expect(incomplete).toBeDefined();
  });

  it("does not limit revocations because of a leak", () => {
    for (const reason of [
      RevocationReason.UNSPECIFIED,
      RevocationReason.REQUESTED,
      RevocationReason.ADMINISTRATIVE,
      RevocationReason.LEAKED,
    ]) {
      const expected = reason === RevocationReason.LEAKED ? "none" : "revocations";
      expect(methods.tokens.revokeToken.limit(create(RevokeTokenRequestSchema, { reason }))).toBe(expected);
      expect(methods.tokens.revokeTokens.limit(create(RevokeTokensRequestSchema, { reason }))).toBe(expected);
    }
  });

  it("limits previews of changes as lists", () => {
    for (const { limit } of [methods.tokens.updateToken, methods.policies.updatePolicy]) {
      expect([limit({ validateOnly: true }), limit({ validateOnly: false })]).toEqual(["lists", "revocations"]);
    }
    // Also those that name a leak: they count tokens by any filter.
    for (const reason of [RevocationReason.REQUESTED, RevocationReason.LEAKED]) {
      const preview = create(RevokeTokensRequestSchema, { reason, validateOnly: true });
      expect(methods.tokens.revokeTokens.limit(preview)).toBe("lists");
    }
  });

  it("logs each change, and no calls that only read", () => {
    const logged = methodsThatAre((method) => method.logged);
    expect(rows.filter(([, { logged }]) => !logged).map(([name]) => name)).toEqual([
      ...["check", "batchCheck", "listResources", "introspect", "getToken", "listTokens", "getTokenSummary"],
      ...["getSubject", "listSubjects", "getPolicy", "queryUsage", "listAuditEvents"],
      ...Object.keys(methods.self),
    ]);
    expect(logged).toContain("patwarden.v1.TokenService/RevokeToken");
    expect(logged).not.toContain("patwarden.v1.AuthorizationService/Check");
  });

  it("serves on the public port what users and tokens may do about themselves", () => {
    const served = [...methodsThatAre((method) => method.public)].map((name) => name.split("/")[0]);
    expect(new Set(served)).toEqual(
      new Set([TokenService, PolicyService, UsageService, AuditService, SelfService].map(({ typeName }) => typeName)),
    );
  });

  it("confirms on every replica all changes other than the creation of a token", () => {
    expect(rows.filter(([, { confirmed, logged }]) => logged && !confirmed).map(([name]) => name)).toEqual([
      "createToken",
    ]);
  });

  it("needs no permission only for a call about the caller", () => {
    expect(rows.filter(([, { permission }]) => permission === "none").map(([name]) => name)).toEqual(["getCaller"]);
  });

  it.each(rows)("admits its permission and admin to %s, and refuses all others together", (_, rule) => {
    const { permission } = rule;
    if (permission === "none") return expect(refusal(() => authorize(caller(), rule))).toBeUndefined();
    const others = new Set(permissions.filter((other) => other !== permission));
    expect(refusal(() => authorize(caller(permission), rule))).toBeUndefined();
    expect(refusal(() => authorize(caller("admin"), rule))).toBeUndefined();
    expect(refusal(() => authorize(caller(...[...others].filter((other) => other !== "admin")), rule))).toEqual({
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: rule.permission },
    });
  });

  it("admits users where rights decide, administrators everywhere, and Patwarden tokens only to themselves", () => {
    const user = (admin: boolean): Caller => ({ kind: "user", subject: "user:a" as SubjectName, admin });
    const token: Caller = {
      kind: "token",
      id: "tok_x" as TokenId,
      subject: "user:a" as SubjectName,
      secretId: "sec_x" as SecretId,
      address: undefined,
    };
    const admitted = (caller: Caller) =>
      rows.filter(([, rule]) => !refusal(() => authorize(caller, rule))).map(([name]) => name);
    expect(admitted(user(true))).toEqual(rows.map(([name]) => name));
    const { tokens, policies, usage, audit, self } = methods;
    expect(admitted(user(false))).toEqual(
      [tokens, policies, usage, audit, self].flatMap((rules) => Object.keys(rules)),
    );
    // SC-2 SC-5 SC-6: a token cannot create, widen or list tokens.
    expect(admitted(token)).toEqual(["introspect", "rotateToken", "revokeToken", "getCaller"]);
  });

  it("requires a separate permission for claims", () => {
    expect(refusal(() => requirePermission(caller("tokens.impersonate"), "tokens.claims"))).toEqual({
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: "tokens.claims" },
    });
  });
});
