import { type Authenticator, userHeader } from "../callers/authentication.js";
import type { StepUp, UserCaller } from "../callers/caller.js";
import { Failure } from "../domain/errors.js";
import { type HeaderOf, isFromOwnPages } from "./own-pages.js";
import { endAfterUse } from "./session.js";
import type { Session } from "./session-store.js";
import type { Sessions, SessionsOptions } from "./sessions.js";
import type { ConsoleSettings } from "./settings.js";

export interface SessionAuthenticatorOptions extends Pick<SessionsOptions, "settings" | "clock"> {
  readonly sessions: Sessions;
  /** Returns the sign-in that calls which give more power need. */
  readonly stepUp: () => StepUp | undefined;
}

/** Authenticates the calls of the console's own pages, by the cookie of a session and by nothing else. */
export function createSessionAuthenticator(options: SessionAuthenticatorOptions): Authenticator {
  const { settings, clock, sessions, stepUp } = options;
  return {
    async authenticate(call) {
      if (call.header("authorization") !== undefined || call.header(userHeader) !== undefined) {
        throw refused("the console takes no access token and no key; people sign in");
      }
      requireOwnPages((name) => call.header(name), settings);
      const session = await sessions.use(call.header("cookie"));
      return session && callerOf(session, settings, clock.now(), stepUp());
    },
  };
}

/** Throws CALLER_UNAUTHENTICATED unless a request comes from the console's own pages. */
export function requireOwnPages(header: HeaderOf, { publicUrl }: Pick<ConsoleSettings, "publicUrl">): void {
  if (isFromOwnPages(header, publicUrl)) return;
  throw refused("the call does not come from a page at console.public_url, or lacks connect-protocol-version: 1");
}

function refused(problem: string): Failure {
  return new Failure("CALLER_UNAUTHENTICATED", { metadata: { problem } });
}

function callerOf(session: Session, settings: ConsoleSettings, now: Date, stepUp: StepUp | undefined): UserCaller {
  const { subject, admin, acr, displayName } = session;
  return {
    kind: "user",
    subject,
    admin,
    signIn: {
      // Some providers do not tell when they asked the person last: then the return from the provider counts.
      authTime: session.authTime ?? session.createTime,
      ...(acr !== undefined && { acr }),
      ...(displayName !== undefined && { displayName }),
      endTime: endAfterUse(session, settings.lifetimes, now),
      ...(stepUp && { stepUp }),
    },
  };
}
