/** Why a sign-in came to nothing, with the status and the words of the page that says so. */
export const signInRefusals = {
  wrong: [400, "This link does not work", "Its address has a mistake. Open the page again."],
  limited: [429, "Too many attempts", "Wait a minute, then try again."],
  stale: [400, "This sign-in is over", "It began more than ten minutes ago, or in another browser, or it is done."],
  denied: [403, "You are not signed in", "The identity provider did not sign you in."],
  untrusted: [400, "You are not signed in", "The answer of the identity provider is not valid. Tell your operator."],
  misconfigured: [500, "You are not signed in", "The identity provider refuses this page. Tell your operator."],
  unavailable: [503, "You cannot sign in now", "A part that is needed for it did not answer. Try again in a minute."],
  no_user: [403, "You are not signed in", "The identity provider sends no id that can be used. Tell your operator."],
  disabled: [403, "You are locked out", "An administrator has disabled you here."],
  other_user: [403, "You are somebody else now", "Sign in as the same person as before, or start from the first page."],
  not_renewed: [403, "This needs a newer sign-in", "The identity provider did not ask you again. Tell your operator."],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string, text: string]>>;

export type SignInRefusal = keyof typeof signInRefusals;

export const signInRefusalNames = Object.keys(signInRefusals) as readonly SignInRefusal[]; // its own keys

/** A sign-in that was refused. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
  readonly reason: SignInRefusal;
  /** For the log only; no secret. */
  readonly detail: string | undefined;

  constructor(reason: SignInRefusal, detail?: string) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}
