import { Failure } from "../domain/errors.js";
import type { Caller, SignIn } from "./caller.js";
import { maxSkewMs } from "./oidc/access-token.js";

/**
 * Throws STEP_UP_REQUIRED when a user must sign in again before a call that gives more power (RFC 9470). Services and
 * Patwarden tokens do not sign in. Call it after rights are checked, so that nobody signs in for a call that is then
 * refused.
 */
export function requireStepUp(caller: Caller, now: Date): void {
  if (caller.kind !== "user" || !caller.signIn?.stepUp) return;
  const because = stepUpProblem(caller.signIn, now);
  if (because === undefined) return;
  const { maxAgeMs, acrValues } = caller.signIn.stepUp;
  throw new Failure("STEP_UP_REQUIRED", {
    metadata: {
      because,
      ...(maxAgeMs !== undefined && { maxAge: String(Math.floor(maxAgeMs / 1000)) }),
      ...(acrValues.length > 0 && { acrValues: acrValues.join(" ") }),
    },
  });
}

/** Returns why a sign-in is not new or strong enough, or undefined when it is. */
export function stepUpProblem({ authTime, acr, stepUp }: SignIn, now: Date): string | undefined {
  if (!stepUp) return undefined;
  const { maxAgeMs, acrValues } = stepUp;
  if (acrValues.length > 0 && acr === undefined) return "the identity provider sends no acr";
  if (acrValues.length > 0 && !acrValues.includes(acr ?? "")) return "acr is not one of the accepted values";
  if (maxAgeMs === undefined) return undefined;
  if (!authTime) return "the identity provider sends no auth_time";
  const ageMs = now.getTime() - authTime.getTime();
  if (ageMs < -maxSkewMs) return "auth_time is in the future";
  return ageMs > maxAgeMs ? "the sign-in is too old" : undefined;
}
