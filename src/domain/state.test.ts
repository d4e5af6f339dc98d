import { describe, expect, it } from "vitest";
import { endedForGood, tokenState, usability } from "./state.js";
import { unmentionedSubject } from "./subject-state.js";

const at = (seconds: number): Date => new Date(1_800_000_000_000 + seconds * 1000);
const now = at(0);
const revocation = { time: at(-1), by: "service:a", reason: "REQUESTED" } as const;
const fine = {
  generation: 1,
  approval: undefined,
  suspension: undefined,
  revocation: undefined,
  notBefore: undefined,
  expireTime: undefined,
  expired: false,
};
const verdict = { by: "user:b", time: at(-1), comment: "" };
const suspension = { ...verdict, rank: "holder" } as const;
const pending = { state: "pending" } as const;
const approved = { state: "approved", ...verdict } as const;
const denied = { state: "denied", ...verdict } as const;
const current = { retireTime: undefined, ended: false };
const subjects = { subject: unmentionedSubject, organization: undefined };

describe("tokenState", () => {
  it.each([
    ["without an end", fine, "ACTIVE"],
    ["before its end", { ...fine, expireTime: at(0.001) }, "ACTIVE"],
    ["at its end", { ...fine, expireTime: now }, "EXPIRED"],
    ["revoked", { ...fine, revocation }, "REVOKED"],
    ["revoked and over", { ...fine, revocation, expireTime: at(-1) }, "REVOKED"],
    ["not yet valid", { ...fine, notBefore: at(1) }, "ACTIVE"],
    ["suspended", { ...fine, suspension }, "SUSPENDED"],
    ["suspended and over", { ...fine, suspension, expireTime: at(-1) }, "SUSPENDED"],
    ["pending", { ...fine, approval: pending }, "PENDING_APPROVAL"],
    ["pending and suspended", { ...fine, approval: pending, suspension }, "SUSPENDED"],
    ["pending and over", { ...fine, approval: pending, expireTime: at(-1) }, "PENDING_APPROVAL"],
    ["approved", { ...fine, approval: approved }, "ACTIVE"],
    ["approved and over", { ...fine, approval: approved, expireTime: at(-1) }, "EXPIRED"],
    ["denied", { ...fine, approval: denied }, "DENIED"],
    ["denied, suspended and over", { ...fine, approval: denied, suspension, expireTime: at(-1) }, "DENIED"],
    ["S3 ended, by a clock that is behind", { ...fine, expireTime: at(3_600), expired: true }, "EXPIRED"],
    ["denied and revoked", { ...fine, approval: denied, revocation }, "REVOKED"],
  ] as const)("of a token %s", (_what, token, expected) => {
    expect(tokenState(token, now)).toBe(expected);
  });
});

describe("usability", () => {
  it.each([
    ["nothing speaks against it", fine, current, "ALLOWED"],
    ["no secret is looked at", fine, undefined, "ALLOWED"],
    ["at not_before", { ...fine, notBefore: now }, current, "ALLOWED"],
    ["a millisecond before not_before", { ...fine, notBefore: at(0.001) }, current, "TOKEN_NOT_YET_VALID"],
    ["a millisecond before the end", { ...fine, expireTime: at(0.001) }, current, "ALLOWED"],
    ["at the end", { ...fine, expireTime: now }, current, "TOKEN_EXPIRED"],
    ["revoked", { ...fine, revocation }, current, "TOKEN_REVOKED"],
    ["revoked, without a secret", { ...fine, revocation }, undefined, "TOKEN_REVOKED"],
    ["revoked and expired", { ...fine, revocation, expireTime: at(-1) }, current, "TOKEN_REVOKED"],
    ["revoked and not yet valid", { ...fine, revocation, notBefore: at(1) }, current, "TOKEN_REVOKED"],
    ["denied", { ...fine, approval: denied }, current, "TOKEN_REVOKED"],
    ["approved", { ...fine, approval: approved }, current, "ALLOWED"],
    ["suspended", { ...fine, suspension }, current, "TOKEN_SUSPENDED"],
    [
      "suspended, pending and expired",
      { ...fine, suspension, approval: pending, expireTime: at(-1) },
      current,
      "TOKEN_SUSPENDED",
    ],
    ["pending and not yet valid", { ...fine, approval: pending, notBefore: at(1) }, current, "TOKEN_PENDING_APPROVAL"],
    ["of an earlier life of the subject", { ...fine, generation: 2 }, current, "TOKEN_REVOKED"],
    ["superseded and suspended", { ...fine, suspension }, { ...current, retireTime: now }, "TOKEN_SUPERSEDED"],
    ["superseded and revoked", { ...fine, revocation }, { ...current, retireTime: now }, "TOKEN_REVOKED"],
    ["the secret within its grace", fine, { ...current, retireTime: at(0.001) }, "ALLOWED"],
    ["the secret past its grace", fine, { ...current, retireTime: now }, "TOKEN_SUPERSEDED"],
    [
      "the secret past its grace, the token expired",
      { ...fine, expireTime: now },
      { ...current, retireTime: now },
      "TOKEN_SUPERSEDED",
    ],
    [
      "neither begun nor still running",
      { ...fine, notBefore: at(1), expireTime: at(-1) },
      current,
      "TOKEN_NOT_YET_VALID",
    ],
    [
      "S3 a secret that was ended, by a clock that is behind",
      fine,
      { retireTime: at(3_600), ended: true },
      "TOKEN_SUPERSEDED",
    ],
    ["S3 the same, suspended", { ...fine, suspension }, { retireTime: at(1), ended: true }, "TOKEN_SUPERSEDED"],
    ["S3 the same, revoked", { ...fine, revocation }, { retireTime: at(1), ended: true }, "TOKEN_REVOKED"],
    [
      "S3 a token that was ended, by a clock that is behind",
      { ...fine, expireTime: at(3_600), expired: true },
      current,
      "TOKEN_EXPIRED",
    ],
    ["S3 the same, suspended", { ...fine, expireTime: at(1), expired: true, suspension }, current, "TOKEN_SUSPENDED"],
  ] as const)("when %s", (_what, token, secret, expected) => {
    expect(usability(token, secret, subjects, now)).toBe(expected);
  });

  it.each([
    ["DISABLED", "SUBJECT_DISABLED"],
    ["DELETED", "TOKEN_REVOKED"],
    ["ACTIVE", "ALLOWED"],
  ] as const)("when the subject, or the organization that it is bound to, is %s: %s", (state, expected) => {
    const facts = { state, generation: 1 };
    expect(usability(fine, current, { subject: facts, organization: undefined }, now)).toBe(expected);
    expect(usability(fine, current, { subject: unmentionedSubject, organization: facts }, now)).toBe(expected);
  });

  it.each([
    ["EX-1 half an hour", 1800],
    ["EX-9 a year", 31_536_000],
    ["EX-9 a second", 1],
  ])("%s of life ends when it is over, and not before", (_what, seconds) => {
    const token = { ...fine, expireTime: at(seconds) };
    for (const [time, usable, state] of [
      [at(0), "ALLOWED", "ACTIVE"],
      [at(seconds - 0.001), "ALLOWED", "ACTIVE"],
      [at(seconds), "TOKEN_EXPIRED", "EXPIRED"],
    ] as const) {
      expect([usability(token, current, subjects, time), tokenState(token, time)]).toEqual([usable, state]);
    }
  });

  it("says that a token is expired before it says that its subject is disabled", () => {
    const disabled = { subject: { state: "DISABLED", generation: 1 } as const, organization: undefined };
    expect(usability({ ...fine, expireTime: now }, current, disabled, now)).toBe("TOKEN_EXPIRED");
  });
});

describe("endedForGood", () => {
  it.each([
    ["REVOKED", undefined, true],
    ["SUPERSEDED", undefined, true],
    ["EXPIRED", undefined, false],
    ["SUSPENDED", undefined, false],
    ["SUSPENDED", 1_000, true],
    ["PENDING_APPROVAL", 1_001, false],
  ] as const)("of %s, replaced at %s: %s", (standing, retireMs, expected) => {
    expect(endedForGood({ standing, retireMs }, 1_000)).toBe(expected);
  });
});
