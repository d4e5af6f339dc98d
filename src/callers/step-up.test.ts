import { describe, expect, it } from "vitest";
import { Failure } from "../domain/errors.js";
import type { SubjectName } from "../domain/identifier.js";
import type { Caller, SignIn, StepUp } from "./caller.js";
import { requireStepUp } from "./step-up.js";

const now = new Date("2026-07-01T12:00:00Z");
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);
const tenMinutes: StepUp = { maxAgeMs: 600_000, acrValues: [] };
const strong: StepUp = { acrValues: ["mfa", "phr"] };

const user = (signIn?: Omit<SignIn, "endTime">): Caller => ({
  kind: "user",
  subject: "user:alice" as SubjectName,
  admin: false,
  ...(signIn && { signIn: { endTime: ago(-3600), ...signIn } }),
});

/** Returns the metadata of the refusal, or undefined when there is none. */
function refusalOf(caller: Caller): Readonly<Record<string, string>> | undefined {
  try {
    requireStepUp(caller, now);
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.reason === "STEP_UP_REQUIRED") return error.metadata;
    throw error;
  }
}

describe("step-up", () => {
  it.each<[string, Caller]>([
    ["a user whose issuer has no step_up", user({ authTime: ago(1e6) })],
    ["a user of a server without caller authentication", user()],
    ["a new sign-in", user({ authTime: ago(599), stepUp: tenMinutes })],
    ["a sign-in just as old as allowed", user({ authTime: ago(600), stepUp: tenMinutes })],
    ["a sign-in that is ahead by the clocks' difference", user({ authTime: ago(-60), stepUp: tenMinutes })],
    ["an accepted acr, whenever the user signed in", user({ acr: "phr", stepUp: strong })],
    ["a new and strong sign-in", user({ authTime: ago(5), acr: "mfa", stepUp: { ...tenMinutes, ...strong } })],
    ["a service", { kind: "service", name: "shop", permissions: new Set(["tokens.impersonate"]) }],
  ])("is not needed for %s", (_what, caller) => expect(refusalOf(caller)).toBeUndefined());

  it.each<[string, Omit<SignIn, "endTime">, object]>([
    [
      "an old sign-in",
      { authTime: ago(600.001), stepUp: tenMinutes },
      { because: "the sign-in is too old", maxAge: "600" },
    ],
    [
      "a sign-in in the future",
      { authTime: ago(-60.001), stepUp: tenMinutes },
      { because: "auth_time is in the future", maxAge: "600" },
    ],
    ["no auth_time", { stepUp: tenMinutes }, { because: "the identity provider sends no auth_time", maxAge: "600" }],
    ["no acr", { stepUp: strong }, { because: "the identity provider sends no acr", acrValues: "mfa phr" }],
    [
      "another acr",
      { acr: "mf", stepUp: strong },
      { because: "acr is not one of the accepted values", acrValues: "mfa phr" },
    ],
    [
      "a strong sign-in that is old",
      { acr: "mfa", authTime: ago(601), stepUp: { ...tenMinutes, ...strong } },
      { because: "the sign-in is too old", maxAge: "600", acrValues: "mfa phr" },
    ],
  ])("is needed for %s", (_what, signIn, metadata) => expect(refusalOf(user(signIn))).toEqual(metadata));

  it("is needed of a user behind a service too", () => {
    const via = { kind: "service", name: "shop", permissions: new Set(["admin"]) } as const;
    const behind = { ...user({ authTime: ago(601), stepUp: tenMinutes }), via } as Caller;
    expect(refusalOf(behind)).toEqual({ because: "the sign-in is too old", maxAge: "600" });
  });
});
