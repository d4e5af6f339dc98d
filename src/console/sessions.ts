import type { Clock } from "../domain/clock.js";
import type { Cookies } from "./cookies.js";
import { endOf, idOf, useIntervalMs } from "./session.js";
import type { Session, SessionStore } from "./session-store.js";
import type { ConsoleSettings } from "./settings.js";

export interface SessionsOptions {
  readonly settings: ConsoleSettings;
  readonly store: SessionStore;
  /** Derived from the peppers, the active one first. */
  readonly keys: readonly Uint8Array[];
  readonly cookies: Cookies;
  /** Throws while this machine's clock is wrong. */
  readonly clock: Clock;
}

/** The living sessions of the console. */
export class Sessions {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Returns the session of a request's cookie, without using it; undefined when there is none that lives. */
  async find(cookieHeader: string | undefined): Promise<Session | undefined> {
    const { store, settings, clock } = this.#options;
    const id = this.idIn(cookieHeader);
    const session = id && (await store.find(id));
    if (!session || session.issuer !== settings.issuer) return undefined;
    return clock.now() < endOf(session, settings.lifetimes) ? session : undefined;
  }

  /** Returns the same, and counts it as a use. */
  async use(cookieHeader: string | undefined): Promise<Session | undefined> {
    const { store, clock } = this.#options;
    const session = await this.find(cookieHeader);
    const now = clock.now();
    if (session && now.getTime() - session.lastUseTime.getTime() >= useIntervalMs) await store.touch(session.id, now);
    return session;
  }

  /** Returns the id of the session in a request's cookie, which may have ended. No guess gets this far. */
  idIn(cookieHeader: string | undefined): Uint8Array | undefined {
    const { keys, cookies } = this.#options;
    const secret = cookies.read(cookieHeader, cookies.session);
    return secret === undefined ? undefined : idOf(keys, secret);
  }
}
