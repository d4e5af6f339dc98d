import type { StepUpNeeded } from "../app/problem.js";

/** The page after a sign-out. */
export const signedOutPath = "/signed-out";

/** Leaves the page to sign in, and comes back to where it is now. */
export function signIn(needed?: StepUpNeeded): void {
  const to = location.pathname === signedOutPath ? "/" : location.pathname + encoded(location.search);
  const parameters = new URLSearchParams({ return: to });
  if (needed?.maxAge !== undefined) parameters.set("max_age", String(needed.maxAge));
  if (needed && needed.acrValues.length > 0) parameters.set("acr_values", needed.acrValues.join(" "));
  location.assign(`/sign-in?${parameters}`);
}

/** The way back takes few characters as they are; `*` and parentheses are not among them. */
const encoded = (query: string): string =>
  query.replaceAll(/[^\w\-.~%:@=+|&,;/?]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** Ends the session here, and at the identity provider where it offers that. Throws when the server does not answer. */
export async function signOut(): Promise<void> {
  const answer = await fetch("/sign-out", { method: "POST", headers: { "connect-protocol-version": "1" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const { location: next } = (await answer.json()) as { location?: string };
  location.assign(next ?? "/");
}
