import { describe, expect, it } from "vitest";
import { tokenRecord } from "../../../test/kit/token.js";
import type { ManagingCaller } from "../../callers/caller.js";
import type { Rights } from "../../callers/rights.js";
import { Failure } from "../../domain/errors.js";
import type { SubjectName } from "../../domain/identifier.js";
import type { AuthorizationModel } from "../../domain/permission-checker.js";
import { noPolicy } from "../../domain/policy.js";
import { updatePolicy } from "../policies.js";
import { residualUntil } from "../revoke-tokens.js";
import { disableSubject, getSubject } from "../subjects.js";

const admin: ManagingCaller = { kind: "service", name: "admin", permissions: new Set(["admin"]) };
const clock = { now: () => new Date("2026-03-01T12:00:00Z"), monotonicMs: () => 0 };
const name = "user:alice" as SubjectName;
const fails = () => Promise.reject(new Failure("DATABASE_UNAVAILABLE"));
const subject = { name, state: "ACTIVE", generation: 1, updateTime: undefined } as const;
const subjects = { get: async () => subject, change: async () => subject, countLiveTokens: fails };
const subjectTypes = { user: "user", organization: "organization" };
const policy = { scope: "user", policy: noPolicy, revision: 1 };

describe("B7 a database that fails after the change is stored", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["RevokeTokens", () => residualUntil({ store: { residualOf: fails }, clock }, { ids: [tokenRecord().id] })],
    ["DisableSubject", () => disableSubject({ subjects, clock, subjectTypes }, admin, name)],
    [
      "UpdatePolicy",
      () =>
        updatePolicy(
          {
            policies: {
              get: async () => policy,
              change: async (_scope, _now, decide) => ({ ...policy, policy: decide(policy)?.policy ?? noPolicy }),
              listWithUnusedLimit: async () => [],
            },
            store: { countBlocked: fails },
            rights: {} as unknown as Rights, // asked for nothing: the caller has the permission
            clock,
            model: () => ({}) as unknown as AuthorizationModel, // asked for nothing: no action is named
          },
          admin,
          { scope: { kind: "deployment", scope: "user" }, update: { blockAll: true }, etag: "", validateOnly: false },
        ),
    ],
  ])("%s does not say that it was not done", async (_method, call) => {
    await expect(call()).rejects.toMatchObject({ reason: "REVOCATION_PENDING" });
  });

  it("a read alone says that the database did not answer", async () => {
    await expect(getSubject({ subjects, clock, subjectTypes }, admin, name)).rejects.toMatchObject({
      reason: "DATABASE_UNAVAILABLE",
    });
  });
});
