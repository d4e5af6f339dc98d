import { createHash, randomBytes } from "node:crypto";
import type { AuthorizationRequest } from "./authorization-request.js";
import type { Person } from "./people.js";

/** A sign-in that a client has not yet exchanged for tokens. */
export interface SignedIn {
  readonly request: AuthorizationRequest;
  readonly person: Person;
  /** Whole seconds since 1970. */
  readonly authTime: number;
}

/** How long a code can be exchanged, milliseconds. */
const lifetimeMs = 60_000;
/** The most codes that wait; the oldest is dropped. */
const most = 1_000;

/** The codes that were issued. Each can be exchanged once. */
export class Codes {
  readonly #waiting = new Map<string, SignedIn & { readonly endMs: number }>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  issue(signedIn: SignedIn): string {
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined && this.#waiting.size >= most) this.#waiting.delete(oldest);
    const code = randomBytes(32).toString("base64url");
    this.#waiting.set(code, { ...signedIn, endMs: this.#monotonicMs() + lifetimeMs });
    return code;
  }

  /**
   * Returns the sign-in of a code, for the client, redirect URI and PKCE verifier that it was made for; else undefined.
   * The code ends in any case.
   */
  exchange(
    code: string,
    { clientId, redirectUri, verifier }: Readonly<Record<"clientId" | "redirectUri" | "verifier", string>>,
  ): SignedIn | undefined {
    const found = this.#waiting.get(code);
    this.#waiting.delete(code);
    if (!found || this.#monotonicMs() > found.endMs) return undefined;
    const { request } = found;
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const same =
      request.client.id === clientId && request.redirectUri === redirectUri && request.codeChallenge === challenge;
    return same ? found : undefined;
  }
}
