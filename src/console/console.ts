import type { IncomingMessage } from "node:http";
import type { Authenticator } from "../callers/authentication.js";
import type { OidcVerifier } from "../callers/oidc/oidc.js";
import type { Clock } from "../domain/clock.js";
import type { Address } from "../domain/network.js";
import { RateLimiter } from "../domain/rate-limiter.js";
import type { Route } from "../transport/route.js";
import { signInLabel, signInTimeMs } from "./begun-sign-in.js";
import { Cookies } from "./cookies.js";
import { elementRoutes, pageRoutes } from "./files.js";
import { Provider } from "./provider.js";
import { sessionLabel } from "./session.js";
import { createSessionAuthenticator } from "./session-authenticator.js";
import type { SessionStore } from "./session-store.js";
import { Sessions } from "./sessions.js";
import type { ConsoleSettings } from "./settings.js";
import { type SignInEnd, signInRoutes } from "./sign-in.js";
import { signOutRoute } from "./sign-out.js";

export interface ConsoleOptions {
  readonly settings: ConsoleSettings;
  readonly store: SessionStore;
  readonly users: Pick<OidcVerifier, "identify" | "settingsOf">;
  /** Derives a key from every pepper, the active one first. */
  readonly deriveKeys: (label: string) => readonly Uint8Array[];
  /** Throws while this machine's clock is wrong. */
  readonly clock: Clock;
  readonly addressOf: (request: IncomingMessage) => Address | undefined;
  /** Called for each sign-in that ended. Must not wait and not throw. */
  readonly onSignInEnd: (end: SignInEnd) => void;
  /** Called when the provider's discovery document cannot be fetched. */
  readonly onFetchFailure: (error: unknown) => void;
  readonly onDefect: (error: unknown) => void;
}

/** The parts of the port of the console. */
export interface Console {
  /** For the API on this port. */
  readonly authenticator: Authenticator;
  readonly routes: readonly Route[];
  /** Deletes sessions that have ended by this time. */
  sweep(now: Date): Promise<void>;
}

/** How often one address may begin or finish a sign-in. */
const signInLimit = { burst: 60, intervalMs: 1_000 };

/** Builds the console. Throws when its page is not built. */
export function createConsole(options: ConsoleOptions): Console {
  const { settings, store, users, deriveKeys, clock, onFetchFailure } = options;
  const { issuer, lifetimes } = settings;
  const cookies = new Cookies(settings.publicUrl);
  const sessionKeys = deriveKeys(sessionLabel);
  const sessions = new Sessions({ settings, store, keys: sessionKeys, cookies, clock });
  const stepUp = () => users.settingsOf(issuer)?.stepUp;
  const provider = new Provider({
    settings,
    algorithms: () => users.settingsOf(issuer)?.algorithms ?? [],
    needsAuthTime: () => stepUp()?.maxAgeMs !== undefined,
    maxAgeMs: users.settingsOf(issuer)?.cacheMaxAgeMs ?? 0,
    onFetchFailure,
  });
  return {
    authenticator: createSessionAuthenticator({ settings, clock, sessions, stepUp }),
    routes: [
      ...pageRoutes(),
      ...elementRoutes(),
      ...signInRoutes({
        ...options,
        provider,
        sessions,
        sessionKeys,
        signInKeys: deriveKeys(signInLabel),
        cookies,
        limiter: new RateLimiter({ limit: signInLimit, monotonicMs: () => performance.now() }),
        onEnd: options.onSignInEnd,
      }),
      signOutRoute({ settings, provider, store, sessions, cookies }),
    ],
    sweep(now) {
      const ago = (ms: number): Date => new Date(now.getTime() - ms);
      // A sign-in that was used is remembered until its cookie is too old.
      const before = {
        lastUse: ago(lifetimes.idleMs),
        create: ago(lifetimes.absoluteMs),
        signIn: ago(2 * signInTimeMs),
      };
      return store.sweep(before);
    },
  };
}
