import { describe, expect, it } from "vitest";
import { tokenState, usability } from "./state.js";

const at = (seconds: number): Date => new Date(1_800_000_000_000 + seconds * 1000);
const now = at(0);
const revocation = { time: at(-1), by: "service:a", reason: "REQUESTED" } as const;
const fine = { revocation: undefined, notBefore: undefined, expireTime: undefined };
const current = { retireTime: undefined, revokeTime: undefined };

describe("tokenState", () => {
  it.each([
    ["without an end", fine, "ACTIVE"],
    ["before its end", { ...fine, expireTime: at(0.001) }, "ACTIVE"],
    ["at its end", { ...fine, expireTime: now }, "EXPIRED"],
    ["revoked", { ...fine, revocation }, "REVOKED"],
    ["revoked and over", { ...fine, revocation, expireTime: at(-1) }, "REVOKED"],
    ["not yet valid", { ...fine, notBefore: at(1) }, "ACTIVE"],
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
    ["the secret revoked", fine, { ...current, revokeTime: at(-1) }, "TOKEN_REVOKED"],
    ["the secret revoked by a clock that is ahead", fine, { ...current, revokeTime: at(5) }, "TOKEN_REVOKED"],
    ["the secret within its grace", fine, { ...current, retireTime: at(0.001) }, "ALLOWED"],
    ["the secret past its grace", fine, { ...current, retireTime: now }, "TOKEN_REVOKED"],
    [
      "the secret past its grace, the token expired",
      { ...fine, expireTime: now },
      { ...current, retireTime: now },
      "TOKEN_REVOKED",
    ],
    [
      "neither begun nor still running",
      { ...fine, notBefore: at(1), expireTime: at(-1) },
      current,
      "TOKEN_NOT_YET_VALID",
    ],
  ] as const)("when %s", (_what, token, secret, expected) => {
    expect(usability(token, secret, now)).toBe(expected);
  });
});
