/** The settings of the console, the page of tokens for people. */
export interface ConsoleSettings {
  /** The origin at which people open the console, without a slash at the end. */
  readonly publicUrl: string;
  /** The OpenID provider, one of the configured issuers. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** How the client shows its secret to the provider. Absent: as the provider's discovery document prefers. */
  readonly clientAuthentication?: "basic" | "post";
  readonly scopes: readonly string[];
  /** Parameters that are added to each authorization request. */
  readonly authorizationParams: Readonly<Record<string, string>>;
  readonly lifetimes: SessionLifetimes;
}

/** When sessions end at the latest, milliseconds. */
export interface SessionLifetimes {
  /** After the last use. */
  readonly idleMs: number;
  /** After the sign-in. */
  readonly absoluteMs: number;
  /** After the sign-in, for administrators of the deployment. */
  readonly adminAbsoluteMs: number;
}
