import { seal, unseal } from "../domain/sealed-secret.js";
import type { AskedSignIn, BegunSignIn } from "./provider.js";

/** The label with which the keys that seal sign-ins are derived from the peppers. */
export const signInLabel = "patwarden console sign-in";

/** How long a person may take at the provider, milliseconds. */
export const signInTimeMs = 10 * 60_000;

/** A sign-in that has begun: all that is needed when the person comes back. */
export interface SignInUnderway extends BegunSignIn, AskedSignIn {
  /** The path and query of the app to lead back to. */
  readonly returnTo: string;
  /** When it is too late, milliseconds since 1970. */
  readonly endTime: number;
  /** The session that the new one replaces. */
  readonly replaces?: { readonly id: string; readonly subject: string };
}

/** Returns the text of the cookie. */
export function sealSignIn(keys: readonly Uint8Array[], underway: SignInUnderway): string {
  return Buffer.from(seal(keys, signInLabel, JSON.stringify(underway))).toString("base64url");
}

/** Returns the sign-in of a cookie, or undefined when none of the keys sealed it. */
export function openSignIn(keys: readonly Uint8Array[], sealed: string): SignInUnderway | undefined {
  const text = unseal(keys, signInLabel, Buffer.from(sealed, "base64url"));
  return text === undefined ? undefined : JSON.parse(text); // only `sealSignIn` seals for this purpose
}
