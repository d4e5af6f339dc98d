import type { StepUpNeeded } from "../app/problem.js";

/** Leaves the page to sign in, and comes back to where it is now. */
export function signIn(needed?: StepUpNeeded, to = location.pathname + location.search): void {
  const parameters = new URLSearchParams({ return: to });
  if (needed?.maxAge !== undefined) parameters.set("max_age", String(needed.maxAge));
  if (needed && needed.acrValues.length > 0) parameters.set("acr", needed.acrValues.join(" "));
  location.assign(`/sign-in?${parameters}`);
}

/** Ends the session here, and at the identity provider where it offers that. */
export async function signOut(): Promise<void> {
  const answer = await fetch("/sign-out", { method: "POST", headers: { "connect-protocol-version": "1" } });
  const { url } = answer.ok ? ((await answer.json()) as { url?: string }) : {};
  location.assign(url ?? "/");
}
