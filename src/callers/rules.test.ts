import { describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Failure } from "../domain/errors.js";
import type { SubjectName } from "../domain/identifier.js";
import type { SecretId, TokenId } from "../domain/token.js";
import type { Caller, Permission } from "./caller.js";
import { type AccessRules, accessRules, authorize, requirePermission } from "./rules.js";

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

const rows = Object.values(accessRules).flatMap((rules) => Object.entries(rules));

describe("access rules", () => {
  it("have exactly the methods of the services", () => {
    expect(Object.keys(accessRules.authorization)).toEqual(Object.keys(AuthorizationService.method));
    expect(Object.keys(accessRules.tokens).sort()).toEqual(Object.keys(TokenService.method).sort());
    expect(Object.keys(accessRules.subjects).sort()).toEqual(Object.keys(SubjectService.method).sort());
    expect(Object.keys(accessRules.policies).sort()).toEqual(Object.keys(PolicyService.method).sort());
    expect(Object.keys(accessRules.usage)).toEqual(Object.keys(UsageService.method));
  });

  it("do not compile with a method missing", () => {
    const { introspect: _, ...others } = accessRules.authorization;
    // @ts-expect-error introspect is missing
    const incomplete: AccessRules<typeof AuthorizationService> = others;
    expect(incomplete).toBeDefined();
  });

  it.each(rows)("%s admits its permission and admin, and refuses all others together", (_, rule) => {
    const others = new Set(rows.map(([, { permission }]) => permission).filter((other) => other !== rule.permission));
    expect(refusal(() => authorize(caller(rule.permission), rule))).toBeUndefined();
    expect(refusal(() => authorize(caller("admin"), rule))).toBeUndefined();
    expect(refusal(() => authorize(caller(...others), rule))).toEqual({
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: rule.permission },
    });
  });

  it("let users in where rights decide, administrators everywhere, and Patwarden tokens only to themselves", () => {
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
    const { tokens, policies, usage } = accessRules;
    expect(admitted(user(false))).toEqual([tokens, policies, usage].flatMap((rules) => Object.keys(rules)));
    // SC-2 SC-5 SC-6: a token makes, widens and lists nothing.
    expect(admitted(token)).toEqual(["introspect", "rotateToken", "revokeToken"]);
  });

  it("keep claims apart from creating tokens", () => {
    expect(refusal(() => requirePermission(caller("tokens.impersonate"), "tokens.claims"))).toEqual({
      reason: "CALLER_FORBIDDEN",
      metadata: { permission: "tokens.claims" },
    });
  });
});
