import { hash } from "node:crypto";
import type { Caller } from "./caller.js";

/** Proves who is calling. */
export interface CallerAuthenticator {
  /** `authorization` is the header's value. Undefined: no caller; why is nobody's business. */
  authenticate(authorization: string | undefined): Caller | undefined;
}

/** A caller and the keys that prove it. */
export interface ConfiguredCaller {
  readonly caller: Caller;
  /** SHA-256 of one or two keys, lower-case hex; two for the time of a change. */
  readonly keySha256: readonly string[];
}

const maxHeaderLength = 4096;

// RFC 6750 §2.1 and RFC 9110 §11.1: one token after the scheme, whose case does not matter. Blanks around and line ends after it come from
// files and shells and are no part of a key (TX-1); a second token, or a second credential on a line of its own, is refused (TX-2).
const bearer = /^[ \t]*bearer[ \t]+([\x21-\x7e]+)[ \t\r\n]*$/i;

/** Service keys of the configuration. Only their hashes are held. */
export class ServiceKeys implements CallerAuthenticator {
  #callers: ReadonlyMap<string, Caller>;

  constructor(callers: readonly ConfiguredCaller[]) {
    this.#callers = byHash(callers);
  }

  /** Takes the place of all callers at once; calls that have been let in go on. */
  replace(callers: readonly ConfiguredCaller[]): void {
    this.#callers = byHash(callers);
  }

  authenticate(authorization: string | undefined): Caller | undefined {
    if (authorization === undefined || authorization.length > maxHeaderLength) return undefined;
    const key = bearer.exec(authorization)?.[1];
    // Keys are compared by nothing but this look-up of their hash. Its time tells of SHA-256 values, which nobody can steer towards one
    // that is configured without knowing the key, so there is no comparison of secrets whose time could be measured.
    return key === undefined ? undefined : this.#callers.get(hash("sha256", key));
  }
}

/** Everybody who can reach the ports, when caller authentication is turned off. */
const everybody: Caller = { kind: "service", name: "everybody", permissions: new Set(["admin"]) };

/** For `dangerously_disable_caller_authentication`: every call, with or without a credential, is an administrator's. */
export const noAuthentication: CallerAuthenticator = { authenticate: () => everybody };

function byHash(callers: readonly ConfiguredCaller[]): ReadonlyMap<string, Caller> {
  return new Map(callers.flatMap(({ caller, keySha256 }) => keySha256.map((digest) => [digest, caller] as const)));
}
