import { describe, expect, it } from "vitest";
import type { Caller, Permission } from "../callers/caller.js";
import { Rights } from "../callers/rights.js";
import type { Failure } from "../domain/errors.js";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import { type RevokeTokensCommand, type RevokeTokensOptions, revokeTokens } from "./revoke-tokens.js";

const organization = "organization:acme" as SubjectName;
/** Each right is a relation of the same name. */
const relations = { read: "read", create: "create", approve: "approve", revoke: "revoke", policy: "policy" };

/** Returns how many tokens a preview counts, or the reason of its refusal with the permission that lacks. */
async function previewed(caller: Caller, target: RevokeTokensCommand["target"], held: readonly string[] = []) {
  const options = {
    rights: new Rights({
      permissions: { check: async (questions) => questions.map(({ action }) => held.includes(action)) },
      relations: relations as Readonly<Record<keyof typeof relations, ActionName>>,
    }),
    store: { count: async () => 7 },
    clock: { now: () => new Date() },
    subjectTypes: { user: "user", organization: "organization" },
  } as unknown as RevokeTokensOptions; // a preview uses nothing else
  const command = { target, createdBefore: undefined, reason: "REQUESTED", validateOnly: true } as const;
  return revokeTokens(options, caller, { ...command, expectedCount: undefined }).then(
    ({ count }) => count,
    ({ reason, metadata }: Failure) => `${reason} ${metadata["permission"]}`,
  );
}

const bob: Caller = { kind: "user", subject: "user:bob" as SubjectName, admin: false };
const service = (...permissions: Permission[]): Caller => ({
  kind: "service",
  name: "ender",
  permissions: new Set(permissions),
});
const searching = { kind: "filter", filter: { organization, query: "payroll" } } as const;

describe("a filter tells about tokens, so it", () => {
  it("needs the right to read of a user", async () => {
    expect(await previewed(bob, searching, ["revoke"])).toBe("CALLER_FORBIDDEN read");
    expect(await previewed(bob, searching, ["read"])).toBe("CALLER_FORBIDDEN revoke");
    expect(await previewed(bob, searching, ["read", "revoke"])).toBe(7);
    expect(await previewed(bob, { kind: "organization", organization }, ["revoke"])).toBe(7);
  });

  it("needs the permission to read of a service", async () => {
    const everywhere = { kind: "filter", filter: { query: "payroll" } } as const;
    for (const target of [searching, everywhere]) {
      expect(await previewed(service("tokens.revoke"), target)).toBe("CALLER_FORBIDDEN tokens.read");
      expect(await previewed(service("tokens.revoke", "tokens.read"), target)).toBe(7);
      expect(await previewed(service("admin"), target)).toBe(7);
    }
    expect(await previewed(service("tokens.revoke"), { kind: "organization", organization })).toBe(7);
  });
});
