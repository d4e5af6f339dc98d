import type { StepUpNeeded } from "../app/problem.js";

/** The page after a sign-out. */
export const signedOutPath = "/signed-out";

/** Leaves the page to sign in, and comes back to where it is now. */
export function signIn(needed?: StepUpNeeded): void {
  const to = location.pathname === signedOutPath ? "/" : location.pathname + location.search.replaceAll(/[^\w\-.~%:@=+|&,;/?]/g, encodeURIComponent);
  const parameters = new URLSearchParams({ return: to });
  if (needed?.maxAge !== undefined) parameters.set("max_age", String(needed.maxAge));
  if (needed && needed.acrValues.length > 0) parameters.set("acr_values", needed.acrValues.join(" "));
  location.assign(`/sign-in?${parameters}`);
}

/** Ends the session here, and at the identity provider where it offers that. */
export async function signOut(): Promise<void> {
  const answer = await fetch("/sign-out", { method: "POST", headers: { "connect-protocol-version": "1" } });
  const { location: next } = answer.ok ? ((await answer.json()) as { location?: string }) : {};
  location.assign(next ?? "/");
}
