/** A resource with a name for people. */
export interface NamedResource {
  /** The id without its type. */
  readonly id: string;
  readonly label: string;
}

/** The detail of `patwarden-created`, `patwarden-rotated` and `patwarden-revoked`. Never the secret. */
export interface TokenEventDetail {
  /** `tok_…`. */
  readonly id: string;
  /** Empty when several were revoked at once: each has its own event. */
  readonly name: string;
}

/** The detail of `patwarden-step-up`: the sign-in that the call needs. */
export interface StepUpEventDetail {
  /** The longest time since the sign-in, in seconds. Undefined: any. */
  readonly maxAge?: number;
  /** The accepted `acr` values. Empty: any. */
  readonly acrValues: readonly string[];
}

/** The events of the element. They bubble and cross shadow roots. */
export interface PatwardenTokensEventMap {
  "patwarden-created": CustomEvent<TokenEventDetail>;
  "patwarden-rotated": CustomEvent<TokenEventDetail>;
  "patwarden-revoked": CustomEvent<TokenEventDetail>;
  /** The access token is missing or over: sign the user in, then call `reload()`. */
  "patwarden-sign-in-needed": CustomEvent<undefined>;
  /** The call needs a newer or stronger sign-in. What the user entered stays; the user presses the button again. */
  "patwarden-step-up": CustomEvent<StepUpEventDetail>;
}

/**
 * `<patwarden-tokens base-url="https://tokens.example.com">`: lists, makes and ends the tokens of a user. Attributes
 * and properties may be set at any time, also before this file is loaded. Other settings take effect at once, but wait
 * while a secret is made or shown.
 */
export declare class PatwardenTokens extends HTMLElement {
  /** Attribute `base-url`: the origin of Patwarden's public port, or of the host's own backend. Default: the page's. */
  baseUrl: string;
  /** Attribute `subject`: whose tokens, `organization:acme`. Empty: the user's own. */
  subject: string;
  /** Attribute `organization`: what new tokens are bound to at first, `organization:acme`. Empty: nothing. */
  organization: string;
  /** Attribute `template`: the template that a new token starts from. Empty: none. */
  template: string;
  /** Attribute `lang`: `en` or `de`. Empty: that of the nearest parent with `lang`, else the browser's. */
  lang: string;
  /** Returns the user's access token for Patwarden. Asked before each call, never kept. */
  getAccessToken: (() => string | Promise<string>) | undefined;
  /** Makes the calls instead of `window.fetch`, for hosts whose backend adds the credential. */
  fetch: typeof globalThis.fetch | undefined;
  /** Names and search of resources by type. The function gets what the user typed. */
  resources: Readonly<Record<string, (query: string) => Promise<readonly NamedResource[]>>>;
  /** Starts again, for example after a sign-in: asks who the user is. Waits while a secret is made or shown. */
  reload(): void;

  addEventListener<K extends keyof PatwardenTokensEventMap>(
    type: K,
    listener: (this: PatwardenTokens, event: PatwardenTokensEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "patwarden-tokens": PatwardenTokens;
  }
}
